//! An S3 server with one key pair, in one process.

use anyhow::{Result, bail};
use serde_json::json;
use std::fs;
use std::path::Path;

/// Ports that it listens on: a plain one and one for gRPC at each of its doors.
pub const PORTS: usize = 8;

/// The key pair that it accepts.
pub const ACCESS_KEY_ID: &str = "heliograph-tests";
/// See [`ACCESS_KEY_ID`].
pub const SECRET_ACCESS_KEY: &str = "not-a-secret";

/// Prepares `folder` for a server without buckets.
///
/// Answers what `weed` is told, and the port at which it speaks S3.
///
/// # Errors
/// When the folder cannot be written, or there are not [`PORTS`] ports.
pub fn prepared(folder: &Path, ports: &[u16]) -> Result<(Vec<String>, u16)> {
    let data = folder.join("data");
    fs::create_dir_all(&data)?;
    let access = folder.join("access.json");
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
    let &[master, master_grpc, volume, volume_grpc, filer, filer_grpc, s3, s3_grpc] = ports else {
        bail!("SeaweedFS needs {PORTS} ports, not {}", ports.len())
    };
    for (door, plain, grpc) in [
        ("master", master, master_grpc),
        ("volume", volume, volume_grpc),
        ("filer", filer, filer_grpc),
        ("s3", s3, s3_grpc),
    ] {
        args.extend([format!("-{door}.port={plain}"), format!("-{door}.port.grpc={grpc}")]);
    }
    Ok((args, s3))
}
