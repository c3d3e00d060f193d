//! `sealane server`: a running server itself.

use clap::Subcommand;

use super::Surroundings;
use crate::failure::Failure;
use crate::session;

#[derive(Debug, Subcommand)]
pub(crate) enum Server {
    /// Show what it is and how it is set up
    Show,
    /// Let it go by its wall clock again, after a step of more than 60 s that it held
    FollowClock {
        /// The step is right, and what is due by the new time may happen
        #[arg(long)]
        yes: bool,
    },
}

pub(super) async fn run(at: &Surroundings, command: &Server) -> Result<(), Failure> {
    let server = session::server(&at.global)?;
    let shown = match command {
        Server::Show => server.describe().await?,
        Server::FollowClock { yes: true } => server.follow_clock().await?,
        Server::FollowClock { yes: false } => {
            return Err(Failure::usage(
                "jobs that wait for a time start or expire by the new one: add --yes where the step is right",
            ));
        }
    };
    let step = match shown.clock_step_ms {
        None => "follows the wall clock".to_owned(),
        Some(ms) => format!("holds a step of the wall clock by {ms} ms"),
    };
    let rows = [
        ("version", shown.version.clone()),
        ("status", shown.status.clone()),
        ("tls", shown.tls.clone()),
        ("auth", shown.auth.clone()),
        ("audit", shown.audit.clone()),
        ("at rest", shown.at_rest.clone()),
        ("sync", shown.sync.clone()),
        ("clock", step),
    ];
    at.output.one(&shown, &rows)
}
