//! The envelope seen from outside, one module per family of behaviour.

#![allow(clippy::unwrap_used, reason = "a setup that fails is a test that fails")]

mod binding;
mod failures;
mod first_vector;
mod freshness;
mod inspecting;
mod key_file;
mod keyring;
mod round_trip;
mod secrecy;
mod support;
mod vectors;
