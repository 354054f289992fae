//! One node, and what it is told to do.

use std::collections::HashMap;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use futures_util::StreamExt;
use p2panda::operation::{Extensions, Header, LogId, Operation};
use p2panda::streams::{EphemeralStreamPublisher, StreamPublisher};
use p2panda::{Hash, Node, SigningKey, Topic, VerifyingKey};
use p2panda_core::Body;
use p2panda_core::cbor::encode_cbor;
use p2panda_net::AddressBook;
use p2panda_net::addrs::{NodeInfo, TrustedTransportInfo};
use p2panda_net::iroh_endpoint::EndpointAddr;
use p2panda_net::utils::from_verifying_key;
use p2panda_store::logs::LogStore;
use p2panda_store::operations::OperationStore;
use p2panda_store::topics::TopicStore;
use p2panda_store::{SqliteError, SqliteStore, tx};
use serde_json::{Value, json};

use crate::events::{NO_MDNS, follow};
use crate::lines::{Command, Fraud, Kind, Peer, event};
use crate::messages::Report;

enum Publisher {
    Text(StreamPublisher<String>),
    Report(StreamPublisher<Report>),
}

pub struct Running {
    node: Node,
    key: SigningKey,
    address_book: AddressBook,
    publishers: HashMap<String, Publisher>,
    voices: HashMap<String, EphemeralStreamPublisher<String>>,
}

type Outcome = Result<Value, String>;

impl Running {
    pub async fn start(key: &str, database: Option<String>, network: &str, peers: Vec<Peer>) -> Result<Self, String> {
        let key = SigningKey::try_from(bytes(key)?.as_slice()).map_err(text)?;
        let network: [u8; 32] = bytes(network)?.try_into().map_err(|_| "a network id has 32 bytes")?;
        let mut builder = p2panda::builder()
            .signing_key(key.clone())
            .network_id(network)
            .mdns_mode(NO_MDNS)
            .bind_ip_v4(Ipv4Addr::LOCALHOST)
            .bind_ip_v6(Ipv6Addr::LOCALHOST);
        if let Some(path) = database {
            builder = builder.database_url(&format!("sqlite://{path}"));
        }
        let node = builder.spawn().await.map_err(text)?;
        let address_book = AddressBook::builder().store(node.store()).spawn().await.map_err(text)?;
        let running = Self { node, key, address_book, publishers: HashMap::new(), voices: HashMap::new() };
        for peer in peers {
            running.know(peer).await?;
        }
        running.tell_discovery().await?;
        Ok(running)
    }

    pub fn id(&self) -> String {
        self.node.id().to_hex()
    }

    pub async fn obey(&mut self, command: Command) -> Outcome {
        match command {
            Command::Start { .. } => Err("it runs already".into()),
            Command::Stop => Ok(Value::Null),
            Command::Know { peer } => self.know(peer).await,
            Command::Addresses => self.addresses(self.node.id()).await,
            Command::Known { ids } => {
                let mut known = serde_json::Map::new();
                for id in ids {
                    let addresses = self.addresses(verifying_key(&id)?).await?;
                    known.insert(id, addresses);
                }
                Ok(Value::Object(known))
            }
            Command::Open { topic, kind } => self.open(topic, kind).await,
            Command::Publish { topic, message } => self.publish(&topic, message).await,
            Command::PublishMany { topic, count, prefix, bytes } => {
                for number in 0..count {
                    let message = format!("{:<bytes$}", format!("{prefix}{number}"));
                    self.publish(&topic, Value::String(message)).await?;
                }
                Ok(json!({ "count": count }))
            }
            Command::Prune { topic, message } => self.prune(&topic, message).await,
            Command::Hear { topic } => self.hear(topic).await,
            Command::Say { topic, message } => self.say(&topic, message).await,
            Command::Forge { topic, fraud } => self.forge(topic_of(&topic)?, fraud).await,
            Command::Log { topic, author } => self.log(topic_of(&topic)?, verifying_key(&author)?).await,
        }
    }

    async fn know(&self, peer: Peer) -> Outcome {
        let id = verifying_key(&peer.id)?;
        let mut address = EndpointAddr::new(from_verifying_key(id));
        for place in &peer.addresses {
            address = address.with_ip_addr(SocketAddr::from_str(place).map_err(text)?);
        }
        let mut info = NodeInfo::new(id);
        if peer.bootstrap {
            info = info.bootstrap();
        }
        info.update_transports(TrustedTransportInfo::from(address).into()).map_err(text)?;
        self.address_book.insert_node_info(info).await.map_err(text)?;
        Ok(Value::Null)
    }

    async fn addresses(&self, id: VerifyingKey) -> Outcome {
        let info = self.address_book.node_info(id).await.map_err(text)?;
        let Some(address) = info.and_then(|info| EndpointAddr::try_from(info).ok()) else {
            return Ok(json!([]));
        };
        Ok(json!(address.ip_addrs().map(ToString::to_string).collect::<Vec<_>>()))
    }

    async fn tell_discovery(&self) -> Result<(), String> {
        let mut events = self.node.event_stream().await.map_err(text)?;
        tokio::spawn(async move {
            while let Some(said) = events.next().await {
                let p2panda::streams::SystemEvent::Discovery(said) = said;
                event(json!({ "event": "discovery", "said": short(format!("{said:?}")) }));
            }
        });
        Ok(())
    }

    async fn open(&mut self, topic: String, kind: Kind) -> Outcome {
        let name = topic_of(&topic)?;
        let publisher = match kind {
            Kind::Text => {
                let (publisher, subscription) = self.node.stream::<String>(name).await.map_err(text)?;
                tokio::spawn(follow(topic.clone(), subscription));
                Publisher::Text(publisher)
            }
            Kind::Report => {
                let (publisher, subscription) = self.node.stream::<Report>(name).await.map_err(text)?;
                tokio::spawn(follow(topic.clone(), subscription));
                Publisher::Report(publisher)
            }
        };
        self.publishers.insert(topic, publisher);
        Ok(Value::Null)
    }

    async fn publish(&self, topic: &str, message: Value) -> Outcome {
        let published = match self.publisher(topic)? {
            Publisher::Text(publisher) => publisher.publish(serde_json::from_value(message).map_err(text)?).await,
            Publisher::Report(publisher) => publisher.publish(serde_json::from_value(message).map_err(text)?).await,
        };
        let processing = published.map_err(text)?;
        let id = processing.hash().to_hex();
        processing.await.map_err(text)?;
        Ok(json!({ "id": id }))
    }

    async fn prune(&self, topic: &str, message: Option<Value>) -> Outcome {
        let message = message.map(serde_json::from_value::<String>).transpose().map_err(text)?;
        let Publisher::Text(publisher) = self.publisher(topic)? else {
            return Err("only logs of text are pruned here".into());
        };
        let processing = publisher.prune(message).await.map_err(text)?;
        let id = processing.hash().to_hex();
        processing.await.map_err(text)?;
        Ok(json!({ "id": id }))
    }

    async fn hear(&mut self, topic: String) -> Outcome {
        let name = topic_of(&topic)?;
        let (voice, mut ears) = self.node.ephemeral_stream::<String>(name).await.map_err(text)?;
        let said_on = topic.clone();
        tokio::spawn(async move {
            while let Some(message) = ears.next().await {
                event(json!({
                    "event": "heard",
                    "topic": said_on,
                    "author": message.author().to_hex(),
                    "message": message.body(),
                }));
            }
        });
        self.voices.insert(topic, voice);
        Ok(Value::Null)
    }

    async fn say(&self, topic: &str, message: String) -> Outcome {
        let voice = self.voices.get(topic).ok_or("nobody listens there")?;
        voice.publish(message).await.map_err(text)?;
        Ok(Value::Null)
    }

    async fn forge(&self, topic: Topic, fraud: Fraud) -> Outcome {
        let log_id = LogId::from_topic(topic);
        let body: Body = encode_cbor(&"not to be believed").map_err(text)?.into();
        let operation = match fraud {
            Fraud::WrongLog { named } => {
                let own = self.key.verifying_key();
                let (seq_num, backlink) = match self.latest(&own, &log_id).await? {
                    Some(latest) => (latest.header.seq_num + 1, Some(latest.hash)),
                    None => (0, None),
                };
                let header = Header::builder()
                    .seq_num(seq_num)
                    .backlink(backlink)
                    .body(&body)
                    .build(&self.key, Extensions::from_topic(topic_of(&named)?));
                Operation::from_parts(header, Some(body))
            }
            Fraud::ForgedPrune { victim, seq_num } => {
                let extensions = Extensions::from_topic(topic).set_prune_flag(true);
                let mut header = Header::builder()
                    .seq_num(seq_num)
                    .backlink(Some(Hash::digest(b"made up")))
                    .body(&body)
                    .build(&self.key, extensions);
                header.verifying_key = verifying_key(&victim)?;
                Operation::from_parts(header, Some(body))
            }
        };
        let author = operation.header.verifying_key;
        self.file(&topic, &log_id, &author, &operation).await.map_err(text)?;
        Ok(json!({ "id": operation.hash.to_hex(), "seq": operation.header.seq_num }))
    }

    async fn file(
        &self,
        topic: &Topic,
        log_id: &LogId,
        author: &VerifyingKey,
        operation: &Operation,
    ) -> Result<(), SqliteError> {
        let store = self.node.store();
        tx!(store, {
            <SqliteStore as TopicStore<Topic, VerifyingKey, LogId>>::associate(&store, topic, author, log_id).await?;
            store.insert_operation(&operation.hash, operation, log_id).await?;
        });
        Ok(())
    }

    async fn latest(&self, author: &VerifyingKey, log_id: &LogId) -> Result<Option<Operation>, String> {
        let store = self.node.store();
        <SqliteStore as LogStore<Operation, VerifyingKey, LogId, u32, Hash>>::get_latest_entry(&store, author, log_id)
            .await
            .map_err(text)
    }

    async fn log(&self, topic: Topic, author: VerifyingKey) -> Outcome {
        let store = self.node.store();
        let entries = <SqliteStore as LogStore<Operation, VerifyingKey, LogId, u32, Hash>>::get_log_entries(
            &store,
            &author,
            &LogId::from_topic(topic),
            None,
            None,
        )
        .await
        .map_err(text)?
        .unwrap_or_default();
        let numbers: Vec<u32> = entries.iter().map(|(operation, _)| operation.header.seq_num).collect();
        Ok(json!({ "count": numbers.len(), "first": numbers.first(), "last": numbers.last() }))
    }

    fn publisher(&self, topic: &str) -> Result<&Publisher, String> {
        self.publishers.get(topic).ok_or_else(|| "the topic is not open".to_string())
    }
}

fn topic_of(hex: &str) -> Result<Topic, String> {
    Topic::from_str(hex).map_err(text)
}

fn verifying_key(hex: &str) -> Result<VerifyingKey, String> {
    VerifyingKey::from_str(hex).map_err(text)
}

fn bytes(hex: &str) -> Result<Vec<u8>, String> {
    hex::decode(hex).map_err(text)
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Longer texts are of no use to a test.
fn short(text: String) -> String {
    text.chars().take(300).collect()
}
