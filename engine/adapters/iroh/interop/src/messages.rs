//! What the applications say to each other here: plain text, and a structure with everything that serde makes of maps,
//! enums and options.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    pub title: String,
    pub count: u64,
    pub balance: i64,
    pub note: Option<String>,
    pub previous: Option<Box<Report>>,
    pub mood: Mood,
    pub tags: BTreeMap<String, u32>,
    pub floors: BTreeMap<u16, String>,
    pub raw: Vec<u8>,
    pub place: (f64, f64),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Mood {
    Calm,
    Windy(u8),
    Mixed(u8, String),
    Storm { name: String, force: u16 },
}
