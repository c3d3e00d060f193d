//! Documentation that is executed: the fences of README.md and docs/ marked to run are run, in
//! order, and what they print is compared with what the page says they print.
//!
//! | info string | what happens |
//! |---|---|
//! | `sh run` | must exit 0 |
//! | `sh run background until=WORD` | started; the page goes on once a line of its output has WORD in it; stopped with SIGTERM at the end of the page, and must then exit 0 |
//! | `text output` | compared with the output of the fence before it |
//!
//! One page is one shell: a directory entered or a variable exported in one fence is there in the
//! next. In expected output `…` or `[..]` stands for anything within a line, and a line of `…`
//! alone for any number of lines.

mod check;
mod expected;
mod fences;
mod page;
mod scratch;
mod shell;

pub(crate) use check::step;
