//! Measures the chains in which flags and segments refer to one another.

/// The state of one node in Tarjan's algorithm.
#[derive(Clone, Copy, Default)]
struct Visit {
    /// The order in which the node was visited, from 1; 0 = not yet visited.
    index: usize,
    /// The lowest index that the node can reach through its component.
    low_link: usize,
    /// Whether the component of the node is not complete yet.
    on_stack: bool,
}

/// Returns, for each node, an upper bound of the number of nodes in the longest chain that starts
/// there. A chain contains no node twice, and includes its start. Each node of a cycle counts as if
/// it reached all other nodes of the cycle.
///
/// This is Tarjan's algorithm for strongly connected components. It is iterative: malicious data
/// must not exhaust the stack of the thread.
pub(super) fn reference_depths(references: &[Vec<usize>]) -> Vec<usize> {
    let mut visits = vec![Visit::default(); references.len()];
    let mut depths = vec![0; references.len()];
    let mut stack: Vec<usize> = Vec::new();
    let mut next_index = 0;
    for root in 0..references.len() {
        if visits[root].index > 0 {
            continue;
        }
        let mut path = vec![(root, 0)];
        while let Some((node, next)) = path.last_mut() {
            let node = *node;
            if *next == 0 {
                next_index += 1;
                visits[node] = Visit { index: next_index, low_link: next_index, on_stack: true };
                stack.push(node);
            }
            if let Some(&target) = references[node].get(*next) {
                *next += 1;
                if visits[target].index == 0 {
                    path.push((target, 0));
                } else if visits[target].on_stack {
                    visits[node].low_link = visits[node].low_link.min(visits[target].index);
                }
                continue;
            }
            path.pop();
            if let Some(&(parent, _)) = path.last() {
                visits[parent].low_link = visits[parent].low_link.min(visits[node].low_link);
            }
            if visits[node].low_link == visits[node].index {
                let start = stack.iter().rposition(|&other| other == node).expect("the node was pushed");
                let component = stack.split_off(start);
                for &member in &component {
                    visits[member].on_stack = false;
                }
                let successors = component.iter().flat_map(|&member| &references[member]);
                let longest = successors.map(|&target| depths[target]).max().unwrap_or(0);
                for &member in &component {
                    depths[member] = longest + component.len();
                }
            }
        }
    }
    depths
}

#[cfg(test)]
mod tests {
    use super::reference_depths;

    #[test]
    fn chains_are_counted_and_cycles_count_whole() {
        assert_eq!(reference_depths(&[vec![1], vec![2], vec![]]), [3, 2, 1]);
        assert_eq!(reference_depths(&[vec![0]]), [1], "a node that refers to itself");
        assert_eq!(
            reference_depths(&[vec![1], vec![0, 2], vec![]]),
            [3, 3, 1],
            "a cycle of two, and what it refers to"
        );
        assert_eq!(
            reference_depths(&[vec![1, 2], vec![3], vec![3], vec![]]),
            [3, 2, 2, 1],
            "two paths to one node"
        );
        assert_eq!(
            reference_depths(&[vec![1], vec![2], vec![3], vec![1]]),
            [4, 3, 3, 3],
            "a path into a cycle"
        );
    }

    #[test]
    fn a_long_chain_does_not_exhaust_the_stack() {
        let count = 300_000;
        let chain: Vec<_> = (1..=count).map(|next| if next < count { vec![next] } else { vec![] }).collect();
        assert_eq!(reference_depths(&chain)[0], count);
    }
}
