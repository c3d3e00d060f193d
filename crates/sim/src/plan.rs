//! What a seed decides before a run begins: how many take part, how bad the world is.

use crate::dice::Dice;

/// One world.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Queues.
    pub(crate) queues: u64,
    /// Jobs that producers try to send, all together.
    pub(crate) jobs: u64,
    /// Clients that send.
    pub(crate) producers: u64,
    /// Worker processes of each queue.
    pub(crate) workers: u64,
    /// Schedules.
    pub(crate) schedules: u64,
    /// Workers that break the rules of good workers.
    pub(crate) careless: u64,
    /// The network.
    pub(crate) network: Network,
    /// Between two misfortunes of the server, in milliseconds, least and most; none where absent.
    pub(crate) misfortunes: Option<(u64, u64)>,
    /// How far the server's clock may step back at a start, in milliseconds.
    pub(crate) clock_back_ms: u64,
    /// What jobs and queues have besides what all of them have.
    pub(crate) themes: Themes,
}

/// What a world is about besides sending and working: a few things at a time, so that each is used much.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Themes {
    /// Jobs have fair keys.
    pub(crate) fair_keys: bool,
    /// Jobs wait for each other.
    pub(crate) flows: bool,
    /// Requests have idempotency keys, jobs unique ones.
    pub(crate) keys: bool,
    /// Queues bound how many jobs run, and how many start in a time.
    pub(crate) limits: bool,
    /// Jobs have sessions, and some workers hold them.
    pub(crate) sessions: bool,
    /// Jobs are sent, and leases ended, all together or not at all.
    pub(crate) together: bool,
}

impl Themes {
    /// Up to four of them.
    fn draw(dice: &mut Dice) -> Self {
        let mut themes = Self::default();
        for _ in 0..dice.between(1, 4) {
            match dice.between(0, 5) {
                0 => themes.fair_keys = true,
                1 => themes.flows = true,
                2 => themes.keys = true,
                3 => themes.limits = true,
                4 => themes.sessions = true,
                _ => themes.together = true,
            }
        }
        themes
    }
}

/// How bad the network is. Chances are of a thousand messages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Network {
    /// Longest way of a message, in milliseconds.
    pub(crate) delay_ms: u64,
    /// A request never arrives.
    pub(crate) lose_request: u64,
    /// An answer never arrives.
    pub(crate) lose_answer: u64,
    /// A request arrives twice.
    pub(crate) twice: u64,
    /// A connection is cut while the server works on it.
    pub(crate) cut: u64,
}

impl Network {
    /// Nothing is lost.
    pub(crate) const CALM: Self = Self { delay_ms: 2, lose_request: 0, lose_answer: 0, twice: 0, cut: 0 };
}

impl Plan {
    /// The world of this seed.
    pub(crate) fn draw(dice: &Dice) -> Self {
        let mut dice = dice.fork("plan");
        let calm = dice.chance(150);
        let network = if calm {
            Network::CALM
        } else {
            let worst = *dice.pick(&[5, 20, 60]);
            Network {
                delay_ms: *dice.pick(&[2, 15, 80]),
                lose_request: dice.between(0, worst),
                lose_answer: dice.between(0, worst),
                twice: dice.between(0, worst),
                cut: dice.between(0, worst),
            }
        };
        let misfortunes = match dice.between(0, 5) {
            0 => None,
            1..=3 => Some((3_000, 15_000)),
            _ => Some((500, 6_000)),
        };
        Self {
            queues: dice.between(1, 3),
            jobs: dice.between(50, 220),
            producers: dice.between(1, 3),
            workers: dice.between(1, 2),
            schedules: dice.between(0, 2),
            careless: dice.between(0, 2),
            network,
            misfortunes,
            clock_back_ms: if dice.chance(200) { 5_000 } else { 0 },
            themes: Themes::draw(&mut dice),
        }
    }
}
