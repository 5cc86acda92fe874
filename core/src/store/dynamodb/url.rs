//! Store strings of DynamoDB: parses and formats `dynamodb://TABLE`.

use std::fmt;

use super::config::{AssumedRole, Consistency, DynamoDbConfig};
use crate::error::{Error, ErrorKind, Result};
use crate::store::Backend;
use crate::store::options::{self, GivenOptions};

impl DynamoDbConfig {
    pub(in crate::store) const BACKENDS: &'static [Backend] = &[Backend {
        scheme: "dynamodb",
        form: "dynamodb://TABLE",
        option_lists: &[&[
            "region",
            "prefix",
            "endpoint",
            "profile",
            "role_arn",
            "external_id",
            "session_name",
            "consistency",
            "connect_timeout",
            "response_timeout",
            "write_units_per_second",
        ]],
        named_options: &[],
    }];

    /// Parses the part after the scheme and its colon, and the options, whose names were checked.
    pub(in crate::store) fn parse(place: &str, options: &GivenOptions) -> Result<Self> {
        let invalid = |message: String| Error::new(ErrorKind::InvalidConfig, format!("dynamodb: {message}"));
        let table = place.strip_prefix("//").ok_or_else(|| {
            invalid("// must follow the scheme's colon, as in dynamodb://my-table".to_owned())
        })?;
        check_table(table).map_err(|message| invalid(message.to_owned()))?;
        let mut config = Self::new(table);
        config.set_options(options).map_err(invalid)?;
        Ok(config)
    }

    fn set_options(&mut self, options: &GivenOptions) -> Result<(), String> {
        self.prefix = options.text("prefix")?.unwrap_or_default();
        self.region = options.text("region")?;
        if self.region.as_deref().is_some_and(|region| !is_region(region)) {
            return Err("region is not the name of one, such as eu-west-1".to_owned());
        }
        self.endpoint = options.text("endpoint")?;
        if self.endpoint.as_deref().is_some_and(|endpoint| !is_endpoint(endpoint)) {
            return Err("endpoint is not a URL, such as http://localhost:8000".to_owned());
        }
        self.profile = options.text("profile")?;
        let (external_id, session_name) = (options.text("external_id")?, options.text("session_name")?);
        self.role = match (options.text("role_arn")?, &external_id, &session_name) {
            (None, None, None) => None,
            (None, ..) => return Err("external_id and session_name need a role_arn".to_owned()),
            (Some(arn), ..) => Some(role(arn, external_id, session_name)?),
        };
        self.consistency = match options.text("consistency")?.as_deref() {
            None | Some("strong") => Consistency::Strong,
            Some("eventual") => Consistency::Eventual,
            Some(_) => return Err("consistency is either strong or eventual".to_owned()),
        };
        if let Some(timeout) = options.timeout("connect_timeout", Self::MAX_TIMEOUT)? {
            self.connect_timeout = timeout;
        }
        if let Some(timeout) = options.timeout("response_timeout", Self::MAX_TIMEOUT)? {
            self.response_timeout = timeout;
        }
        if let Some(units) = options.integer("write_units_per_second", "500")? {
            let units = u32::try_from(units).ok().filter(|units| *units > 0);
            let message = "write_units_per_second is not a number, such as 500";
            self.write_units_per_second = Some(units.ok_or(message)?);
        }
        Ok(())
    }
}

fn check_table(table: &str) -> Result<(), &'static str> {
    // Nothing is repeated: what stands before an @ may be a key that is a secret.
    if table.contains('@') {
        return Err(
            "only the table's name stands behind //; credentials come from the environment, a profile or a role",
        );
    }
    if !table.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b)) {
        return Err("a table's name is made of letters, digits, _, . and -; options follow a ?");
    }
    match table.len() {
        3..=255 => Ok(()),
        0 => Err("the table's name is missing, as in dynamodb://my-table"),
        _ => Err("a table's name has 3 to 255 characters"),
    }
}

fn is_region(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn is_endpoint(text: &str) -> bool {
    let place = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    place.is_some_and(|place| {
        !place.is_empty() && place.bytes().all(|b| b.is_ascii_graphic() && !b"@?#".contains(&b))
    })
}

fn role(
    arn: String,
    external_id: Option<String>,
    session_name: Option<String>,
) -> Result<AssumedRole, String> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    if !matches!(parts[..], ["arn", _, "iam", _, _, role] if role.starts_with("role/")) {
        return Err(
            "role_arn is not the ARN of a role, such as arn:aws:iam::123456789012:role/my-role".to_owned()
        );
    }
    let session_name = session_name.unwrap_or_else(|| AssumedRole::DEFAULT_SESSION_NAME.to_owned());
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b);
    if !(2..=64).contains(&session_name.len()) || !session_name.bytes().all(is_plain) {
        return Err("session_name has 2 to 64 letters, digits or _+=,.@-".to_owned());
    }
    Ok(AssumedRole { arn, external_id, session_name })
}

/// Writes the store string without the external id and without options that have their default.
impl fmt::Display for DynamoDbConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "dynamodb://{}", self.table)?;
        let mut options: Vec<(&str, String)> = Vec::new();
        options.extend(self.region.iter().map(|region| ("region", region.clone())));
        if !self.prefix.is_empty() {
            options.push(("prefix", self.prefix.clone()));
        }
        options.extend(self.endpoint.iter().map(|endpoint| ("endpoint", endpoint.clone())));
        options.extend(self.profile.iter().map(|profile| ("profile", profile.clone())));
        if let Some(role) = &self.role {
            options.push(("role_arn", role.arn.clone()));
            if role.session_name != AssumedRole::DEFAULT_SESSION_NAME {
                options.push(("session_name", role.session_name.clone()));
            }
        }
        if self.consistency == Consistency::Eventual {
            options.push(("consistency", "eventual".to_owned()));
        }
        for (name, timeout, default) in [
            ("connect_timeout", self.connect_timeout, Self::DEFAULT_CONNECT_TIMEOUT),
            ("response_timeout", self.response_timeout, Self::DEFAULT_RESPONSE_TIMEOUT),
        ] {
            if timeout != default {
                options.push((name, format!("{}ms", timeout.as_millis())));
            }
        }
        options
            .extend(self.write_units_per_second.map(|units| ("write_units_per_second", units.to_string())));
        options::write(f, &options)
    }
}
