//! How long the chains are in which flags and segments refer to one another.

/// What the walk knows of one node.
#[derive(Clone, Copy, Default)]
struct Visit {
    /// When it was first met, from 1; 0 = not yet.
    met: usize,
    /// The earliest node that it leads back to.
    back_to: usize,
    /// Whether its circle is still being walked.
    open: bool,
}

/// Returns for each node how many nodes a chain that begins with it has at most, itself included, if no chain goes
/// through a node twice. In a circle of *n* nodes each is taken to lead to all others, which is never too few.
///
/// Tarjan's walk, with a stack of its own: chains as long as hostile data make them must not exhaust the thread's.
pub(super) fn chain_lengths(references: &[Vec<usize>]) -> Vec<usize> {
    let mut visits = vec![Visit::default(); references.len()];
    let mut lengths = vec![0; references.len()];
    let mut open: Vec<usize> = Vec::new();
    let mut met = 0;
    for root in 0..references.len() {
        if visits[root].met > 0 {
            continue;
        }
        let mut path = vec![(root, 0)];
        while let Some((node, next)) = path.last_mut() {
            let node = *node;
            if *next == 0 {
                met += 1;
                visits[node] = Visit { met, back_to: met, open: true };
                open.push(node);
            }
            if let Some(&target) = references[node].get(*next) {
                *next += 1;
                if visits[target].met == 0 {
                    path.push((target, 0));
                } else if visits[target].open {
                    visits[node].back_to = visits[node].back_to.min(visits[target].met);
                }
                continue;
            }
            path.pop();
            if let Some(&(parent, _)) = path.last() {
                visits[parent].back_to = visits[parent].back_to.min(visits[node].back_to);
            }
            if visits[node].back_to == visits[node].met {
                let start = open.iter().rposition(|&other| other == node).expect("it was opened");
                let circle = open.split_off(start);
                for &member in &circle {
                    visits[member].open = false;
                }
                let beyond = circle.iter().flat_map(|&member| &references[member]);
                let longest = beyond.map(|&target| lengths[target]).max().unwrap_or(0);
                for &member in &circle {
                    lengths[member] = longest + circle.len();
                }
            }
        }
    }
    lengths
}

#[cfg(test)]
mod tests {
    use super::chain_lengths;

    #[test]
    fn chains_are_counted_and_circles_taken_whole() {
        assert_eq!(chain_lengths(&[vec![1], vec![2], vec![]]), [3, 2, 1]);
        assert_eq!(chain_lengths(&[vec![0]]), [1], "a node that refers to itself");
        assert_eq!(
            chain_lengths(&[vec![1], vec![0, 2], vec![]]),
            [3, 3, 1],
            "a circle of two, and what it leads to"
        );
        assert_eq!(
            chain_lengths(&[vec![1, 2], vec![3], vec![3], vec![]]),
            [3, 2, 2, 1],
            "two ways to one node"
        );
        assert_eq!(chain_lengths(&[vec![1], vec![2], vec![3], vec![1]]), [4, 3, 3, 3], "a way into a circle");
    }

    #[test]
    fn a_long_chain_does_not_exhaust_the_stack() {
        let count = 300_000;
        let chain: Vec<_> = (1..=count).map(|next| if next < count { vec![next] } else { vec![] }).collect();
        assert_eq!(chain_lengths(&chain)[0], count);
    }
}
