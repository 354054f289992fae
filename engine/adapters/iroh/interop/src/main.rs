//! A real p2panda node in a process of its own, for the tests of an implementation that shares no line with it: it does
//! what lines of JSON on its standard input say, and tells what happens on its standard output. It ends with its input.

mod events;
mod lines;
mod messages;
mod node;

use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::lines::{Command, Request, answer};
use crate::node::Running;

#[tokio::main]
async fn main() {
    p2panda::test_utils::setup_logging();
    let mut running: Option<Running> = None;
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let request: Request = match serde_json::from_str(&line) {
            Ok(request) => request,
            Err(error) => {
                answer(0, Err(format!("not a command: {error}")));
                continue;
            }
        };
        let reference = request.reference;
        match (running.as_mut(), request.command) {
            (_, Command::Stop) => {
                drop(running.take());
                answer(reference, Ok(json!(null)));
                break;
            }
            (None, Command::Start { key, database, network, peers }) => {
                match Running::start(&key, database, &network, peers).await {
                    Ok(started) => {
                        answer(reference, Ok(json!({ "id": started.id() })));
                        running = Some(started);
                    }
                    Err(error) => answer(reference, Err(error)),
                }
            }
            (None, _) => answer(reference, Err("nothing runs yet".into())),
            (Some(running), command) => answer(reference, running.obey(command).await),
        }
    }
}
