//! A disk that is full: the process says that it keeps nothing, takes nothing it could not keep, and goes on by itself.

use crate::moving::{heliograph, said};
use crate::processes::{Clinic, brings, started};
use crate::running::{Asking, client};
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, prlimit};
use std::fs;
use std::process::Stdio;
use tokio::process::Command;

/// The program on a disk that can be filled: whoever ignores the signal is told of its limit as of a disk's.
const ON_SUCH_A_DISK: &str = "trap '' XFSZ; exec \"$HELIOGRAPH\" serve";

/// From now on no file of the process takes bytes at this offset or after.
fn ends_at(process: Pid, bytes: Option<u64>) {
    let maximum = getrlimit(Resource::Fsize).maximum;
    prlimit(Some(process), Resource::Fsize, Rlimit { current: bytes.or(maximum), maximum }).unwrap();
}

#[tokio::test]
async fn a_process_whose_disk_is_full_says_so_and_goes_on_once_there_is_room() {
    let clinic = Clinic::new(None).await;
    let mut command = clinic.with_settings(Command::new("sh"));
    command.args(["-c", ON_SUCH_A_DISK]).env("HELIOGRAPH", env!("CARGO_BIN_EXE_heliograph"));
    let (program, base) = started(command).await;
    let asking = Asking { base: base.clone(), bearer: None, client: client() };
    let brings = brings(&base, &clinic.webhooks);
    let brought = async |n| brings(&asking.client, n).send().await.unwrap().status().as_u16();
    asking.readiness_becomes("ready", "ready").await;
    assert_eq!(brought(1).await, 200);

    ends_at(program.id().unwrap(), Some(0));
    asking.readiness_becomes("unavailable", "unavailable").await;
    assert_eq!(brought(2).await, 503);
    let metrics = client().get(format!("{base}/metrics")).send().await.unwrap().text().await.unwrap();
    for part in ["database", "blobs"] {
        assert!(metrics.contains(&format!("storage_ready{{part=\"{part}\"}} 0\n")), "{metrics}");
    }

    let token = Some(clinic.token.clone());
    let staff = Asking { bearer: token, ..asking.clone() };
    assert_eq!(staff.get("/api/conversations").await.status, 200, "what is there can be read");

    ends_at(program.id().unwrap(), None);
    asking.readiness_becomes("ready", "ready").await;
    assert_eq!(brought(2).await, 200);
    program.tell(Signal::TERM);
    program.ends().await;
}

#[tokio::test]
async fn a_photo_disk_that_is_not_mounted_is_told_and_taken_up_when_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let (data, away) = (folder.path().join("data"), folder.path().join("away"));
    said(&heliograph(&data, &["demo"]));
    fs::rename(data.join("media"), &away).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_heliograph"));
    command
        .args(["serve", "--addr", "127.0.0.1:0", "--data"])
        .arg(&data)
        .current_dir(folder.path())
        .stdout(Stdio::piped());
    let (program, base) = started(command).await;
    let asking = Asking { base, bearer: None, client: client() };
    asking.readiness_becomes("ready", "unavailable").await;
    fs::remove_dir_all(data.join("media")).unwrap();
    fs::rename(&away, data.join("media")).unwrap();
    asking.readiness_becomes("ready", "ready").await;
    program.tell(Signal::TERM);
    program.ends().await;
}
