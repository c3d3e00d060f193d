//! The words of the command line that all commands share. No option takes a secret: whatever
//! stands there, everybody on the machine can read.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, ValueEnum};

use crate::commands::Command;

/// Heading of the options that every command has.
const EVERYWHERE: &str = "Options of every command";

/// Seal jobs here, open them there.
#[derive(Debug, Parser)]
#[command(name = "sealane", version, arg_required_else_help = true)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Args, Clone, Debug)]
pub(crate) struct Global {
    /// How to print: `table` where a person reads, `json` otherwise, unless said here
    #[arg(short, long, global = true, value_enum, value_name = "FORM", hide_possible_values = true, help_heading = EVERYWHERE)]
    pub(crate) output: Option<Form>,
    /// The file that says where the server is and holds the access key
    #[arg(long, global = true, env = "SEALANE_CONTEXT", value_name = "FILE", hide_env_values = true, help_heading = EVERYWHERE)]
    pub(crate) context: Option<PathBuf>,
    /// The tenant, where not the context's
    #[arg(long, global = true, value_name = "NAME", help_heading = EVERYWHERE)]
    pub(crate) namespace: Option<String>,
    /// The file with the sealing keys
    #[arg(long, global = true, env = "SEALANE_KEYRING", value_name = "FILE", hide_env_values = true, help_heading = EVERYWHERE)]
    pub(crate) keyring: Option<PathBuf>,
}

/// How output looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// Columns
    Table,
    /// JSON
    Json,
}

impl Global {
    /// Whether failures are told in JSON: only where that was said.
    pub(crate) fn asks_for_json(&self) -> bool {
        self.output == Some(Form::Json)
    }
}

/// The same for a command line that was not understood.
pub(crate) fn asks_for_json(args: impl Iterator<Item = OsString>) -> bool {
    let args: Vec<String> = args.map(|arg| arg.to_string_lossy().into_owned()).collect();
    let apart =
        args.windows(2).any(|pair| matches!(pair[0].as_str(), "-o" | "--output") && pair[1] == "json");
    apart || args.iter().any(|arg| matches!(arg.as_str(), "-ojson" | "-o=json" | "--output=json"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Options::command().debug_assert();
    }

    #[test]
    fn json_is_seen_in_a_line_that_is_not_understood() {
        let seen = |line: &str| asks_for_json(line.split(' ').map(OsString::from));
        for yes in ["sealane -o json nonsense", "sealane queue --output=json", "sealane -ojson"] {
            assert!(seen(yes), "{yes}");
        }
        for no in ["sealane queue list", "sealane -o table json", "sealane json -o"] {
            assert!(!seen(no), "{no}");
        }
    }

    // covers CLI-1 (no secret in argv)
    #[test]
    fn no_option_is_named_after_a_secret() {
        fn walk(command: &clap::Command) {
            for arg in command.get_arguments() {
                for word in ["secret", "password", "token", "api-key"] {
                    assert!(!arg.get_id().as_str().replace('_', "-").contains(word), "{}", arg.get_id());
                }
            }
            command.get_subcommands().for_each(walk);
        }
        walk(&Options::command());
    }
}
