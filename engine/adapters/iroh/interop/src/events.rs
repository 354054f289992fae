//! What streams tell, as lines.

use futures_util::{Stream, StreamExt};
use p2panda::network::MdnsDiscoveryMode;
use p2panda::streams::{Source, StreamEvent};
use serde::Serialize;
use serde_json::{Value, json};

use crate::lines::event;

pub const NO_MDNS: MdnsDiscoveryMode = MdnsDiscoveryMode::Disabled;

/// Follows a stream until its node goes.
pub async fn follow<M, S>(topic: String, mut stream: S)
where
    M: Serialize,
    S: Stream<Item = StreamEvent<M>> + Unpin,
{
    while let Some(said) = stream.next().await {
        if let Some(value) = describe(&topic, said) {
            event(value);
        }
    }
}

fn describe<M: Serialize>(topic: &str, said: StreamEvent<M>) -> Option<Value> {
    let value = match said {
        StreamEvent::Processed { operation, source } => {
            let header = operation.processed().header();
            json!({
                "event": "processed",
                "topic": topic,
                "id": operation.id().to_hex(),
                "author": operation.author().to_hex(),
                "seq": header.seq_num,
                "prune": header.extensions.prune_flag().is_set(),
                "message": operation.message(),
                "local": matches!(source, Source::LocalStore),
            })
        }
        StreamEvent::SyncStarted { remote_node_id, incoming_operations, outgoing_operations, .. } => json!({
            "event": "sync-started",
            "topic": topic,
            "peer": remote_node_id.to_hex(),
            "incoming": incoming_operations,
            "outgoing": outgoing_operations,
        }),
        StreamEvent::SyncEnded { remote_node_id, error, .. } => json!({
            "event": "sync-ended",
            "topic": topic,
            "peer": remote_node_id.to_hex(),
            "error": error.map(|error| error.to_string()),
        }),
        StreamEvent::ProcessingFailed { event, error, .. } => json!({
            "event": "processing-failed",
            "topic": topic,
            "id": event.hash_hex(),
            "seq": event.header().seq_num,
            "error": error.to_string(),
        }),
        StreamEvent::DecodeFailed { event, error } => json!({
            "event": "decode-failed",
            "topic": topic,
            "id": event.hash_hex(),
            "error": error.to_string(),
        }),
        StreamEvent::AckFailed { error, .. } => json!({
            "event": "ack-failed",
            "topic": topic,
            "error": error.to_string(),
        }),
        _ => return None,
    };
    Some(value)
}

/// The id of what a processor was given.
trait HashHex {
    fn hash_hex(&self) -> String;
}

impl<L, E, T> HashHex for p2panda::processor::Event<L, E, T>
where
    Self: p2panda_core::traits::Digest<p2panda_core::Hash>,
{
    fn hash_hex(&self) -> String {
        p2panda_core::traits::Digest::hash(self).to_hex()
    }
}
