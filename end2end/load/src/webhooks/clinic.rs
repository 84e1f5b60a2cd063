//! The server that is asked: the product itself with one Twilio line, and beside its door one that keeps nothing.

use super::sign::{ACCOUNT, LINE, TOKEN};
use anyhow::{Context, Result};
use backend::{lines, organisations};
use clap::{Args, Command, FromArgMatches};
use model::line::ProviderKind;
use model::phone::Country;
use serde::{Deserialize, Serialize};
use serde_json::json;
use server::config::{Config, Settings};
use server::{App, setup, unkept_webhooks};
use std::path::Path;
use tokio::net::TcpListener;
use url::Url;

/// How the server is reached, told on its standard output as one line of JSON.
#[derive(Debug, Serialize, Deserialize)]
pub struct Reached {
    /// Host and port.
    pub authority: String,
    /// Where webhooks are kept.
    pub door: String,
    /// Where they are only checked.
    pub unkept_door: String,
}

/// Serves until the process is ended, all that the product does at work; files are fetched from `carrier`, the address of
/// whoever plays it.
pub async fn serve(data: &Path, database_url: &str, carrier: &Url) -> Result<()> {
    let command = Settings::augment_args(Command::new("heliograph").no_binary_name(true));
    let data = data.to_str().context("the folder's name is text")?;
    let carriers_door = carrier.socket_addrs(|| None)?.first().context("a host and a port")?.to_string();
    let given = ["--data", data, "--database-url", database_url, "--allow-private", &carriers_door];
    let given = command.get_matches_from(given);
    let config = Config::from_settings(&Settings::from_arg_matches(&given)?)?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let backend = setup::open(&config, config.public_base(address)).await?;
    let org = organisations::create(&backend, "Harbour Clinic", Country::AU).await?;
    let line = lines::NewLine {
        name: "Front desk".to_owned(),
        number: LINE.to_owned(),
        provider: ProviderKind::Twilio,
        credentials: json!({ "account_sid": ACCOUNT, "auth_token": TOKEN, "api_base": carrier }),
    };
    let line = lines::add(&backend, org, line).await?;
    let inbound: Url = line.accounts[0].inbound_url.parse()?;
    let door = inbound.path().to_owned();
    let reached = Reached {
        authority: address.to_string(),
        unkept_door: door.replacen("/webhooks/", "/webhooks-unkept/", 1),
        door,
    };
    println!("{}", serde_json::to_string(&reached)?);
    let app = App::new(backend, &config);
    Ok(server::serve_beside(unkept_webhooks(), listener, app, std::future::pending()).await?)
}
