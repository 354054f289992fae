//! One JSON object a line, in and out.

use std::io::Write;

use serde::Deserialize;
use serde_json::{Value, json};

/// A command, and the number that its answer carries.
#[derive(Debug, Deserialize)]
pub struct Request {
    #[serde(rename = "ref")]
    pub reference: u64,
    #[serde(flatten)]
    pub command: Command,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Command {
    Start {
        key: String,
        /// A path, or nothing for a database in memory.
        database: Option<String>,
        network: String,
        #[serde(default)]
        peers: Vec<Peer>,
    },
    /// Puts a node into the address book of one that runs.
    Know {
        peer: Peer,
    },
    /// Where this node says that it can be reached.
    Addresses,
    /// All nodes whose records are in the address book.
    Known {
        ids: Vec<String>,
    },
    Open {
        topic: String,
        kind: Kind,
    },
    Publish {
        topic: String,
        message: Value,
    },
    /// Texts of the same length, one after the other.
    PublishMany {
        topic: String,
        count: u32,
        prefix: String,
        bytes: usize,
    },
    Prune {
        topic: String,
        message: Option<Value>,
    },
    /// Joins what is said now under a topic.
    Hear {
        topic: String,
    },
    Say {
        topic: String,
        message: String,
    },
    /// Files an operation that nobody should believe, as a dishonest program would.
    Forge {
        topic: String,
        fraud: Fraud,
    },
    /// Sequence numbers of a log that are stored.
    Log {
        topic: String,
        author: String,
    },
    Stop,
}

#[derive(Debug, Deserialize)]
pub struct Peer {
    pub id: String,
    pub addresses: Vec<String>,
    #[serde(default)]
    pub bootstrap: bool,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    Text,
    Report,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Fraud {
    /// Signed in order, but its header names the log of another topic.
    WrongLog { named: String },
    /// Says that all of a victim's log before a high number is to be forgotten, without the victim's signature.
    ForgedPrune { victim: String, seq_num: u32 },
}

pub fn answer(reference: u64, result: Result<Value, String>) {
    match result {
        Ok(value) => print(&json!({ "ref": reference, "ok": value })),
        Err(error) => print(&json!({ "ref": reference, "error": error })),
    }
}

pub fn event(value: Value) {
    print(&value);
}

fn print(value: &Value) {
    let mut out = std::io::stdout().lock();
    // Nobody listens any more: the process is about to be ended by its input.
    let _ = writeln!(out, "{value}");
    let _ = out.flush();
}
