//! Environment variables in the strings of a configuration file: `${NAME}`.

use std::sync::Arc;

/// Returns the value of an environment variable.
pub type Variables = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Returns the variables of this process.
pub(in crate::integration) fn process_variables() -> Variables {
    Arc::new(|name| std::env::var(name).ok())
}

/// Replaces each `${NAME}` by the value of the variable, and `$${` by `${`.
///
/// # Errors
/// What is wrong, and what to do; no value is repeated.
pub(super) fn substitute(text: &str, variables: &Variables) -> Result<String, String> {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let before = &rest[..at];
        let after = &rest[at + 2..];
        if let Some(before) = before.strip_suffix('$') {
            result.push_str(before);
            result.push_str("${");
            rest = after;
            continue;
        }
        result.push_str(before);
        let (name, after) = after.split_once('}').ok_or("a ${ has no }; write $${ for ${ itself")?;
        if !is_name(name) {
            return Err("the text in ${…} is no name of a variable; write $${ for ${ itself".to_owned());
        }
        let value = variables(name).ok_or_else(|| {
            format!(
                "the variable {name} is not set in the environment; set it, such as in the unit's EnvironmentFile"
            )
        })?;
        result.push_str(&value);
        rest = after;
    }
    result.push_str(rest);
    Ok(result)
}

/// Escapes a text so that [`substitute`] returns it unchanged.
pub(super) fn escape(text: &str) -> String {
    text.replace("${", "$${")
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn substituted(text: &str) -> Result<String, String> {
        let variables: Variables = Arc::new(|name| (name == "KEY").then(|| "a${b".to_owned()));
        substitute(text, &variables)
    }

    #[test]
    fn variables_are_replaced_once() {
        for (text, expected) in [
            ("", ""),
            ("plain $ text }", "plain $ text }"),
            ("${KEY}", "a${b"),
            ("<${KEY}${KEY}>", "<a${ba${b>"),
            ("$${KEY}", "${KEY}"),
            ("$$ ${KEY}", "$$ a${b"),
        ] {
            assert_eq!(substituted(text).as_deref(), Ok(expected), "{text}");
            assert_eq!(substituted(&escape(text)).as_deref(), Ok(text), "escaped");
        }
        for (text, word) in
            [("${KEY", "no }"), ("${}", "no name"), ("${A B}", "no name"), ("${NO}", "NO is not set")]
        {
            assert!(substituted(text).is_err_and(|message| message.contains(word)), "{text}");
        }
    }
}
