//! The limits that the child puts on itself before it reads anything.
//!
//! They hold for good: hard limits and a filter on system calls cannot be lifted again from inside.

use std::collections::BTreeMap;
use std::io;

use rustix::process::{DumpableBehavior, Resource, Rlimit};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch,
};

/// Address space: enough for 200 megapixels as three bytes each, twice.
const MAX_MEMORY_BYTES: u64 = 1536 * 1024 * 1024;

/// Processor time of all threads together, in seconds.
const MAX_CPU_SECONDS: u64 = 30;

/// Added to the server's own nice value: a picture yields to whoever waits for an answer.
const NICER: i32 = 10;

/// Applies all limits to this process, which must still be its only thread.
pub(crate) fn enter() -> io::Result<()> {
    limit_resources()?;
    rustix::process::nice(NICER)?;
    let filter = filter().map_err(io::Error::other)?;
    seccompiler::apply_filter(&filter).map_err(io::Error::other)
}

fn limit_resources() -> io::Result<()> {
    // Neither a core file nor another process of the same user may get at the picture.
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    // Processes are not limited here but by the filter: the resource limit counts the threads of
    // everything that the same user runs.
    for (resource, most) in [
        (Resource::As, MAX_MEMORY_BYTES),
        (Resource::Cpu, MAX_CPU_SECONDS),
        (Resource::Core, 0),
        // Writing to the pipe is not affected.
        (Resource::Fsize, 0),
        // Standard input, output and error, which are open already.
        (Resource::Nofile, 3),
    ] {
        // A lower limit that the operator set for the whole service holds, and could not be raised either.
        let most = rustix::process::getrlimit(resource).maximum.map_or(most, |hard| hard.min(most));
        rustix::process::setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?;
    }
    Ok(())
}

/// An allow-list: memory, threads, time, and the files that are open already.
///
/// Every other call (opening, sockets, programs, processes, tracing) behaves as if the kernel did not
/// have it. That is the one answer after which libc falls back to an older call, so the list need
/// not follow the versions of libc.
fn filter() -> Result<BpfProgram, seccompiler::Error> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = [
        // The open files.
        libc::SYS_read,
        libc::SYS_readv,
        libc::SYS_write,
        libc::SYS_writev,
        libc::SYS_close,
        libc::SYS_fstat,
        libc::SYS_lseek,
        // Memory.
        libc::SYS_brk,
        libc::SYS_madvise,
        libc::SYS_mremap,
        libc::SYS_munmap,
        // Threads and their end.
        libc::SYS_exit,
        libc::SYS_exit_group,
        libc::SYS_futex,
        libc::SYS_getpid,
        libc::SYS_gettid,
        libc::SYS_restart_syscall,
        libc::SYS_rseq,
        libc::SYS_rt_sigaction,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_sched_getaffinity,
        libc::SYS_sched_yield,
        libc::SYS_set_robust_list,
        libc::SYS_sigaltstack,
        libc::SYS_sysinfo,
        // How `abort` ends the process; it can signal no other.
        libc::SYS_tgkill,
        // Time and randomness.
        libc::SYS_clock_gettime,
        libc::SYS_clock_nanosleep,
        libc::SYS_getrandom,
        libc::SYS_nanosleep,
    ]
    .into_iter()
    .map(|call| (call, Vec::new()))
    .collect();
    // A thread, never a process. `clone3` hides its flags behind a pointer and stays out.
    rules.insert(
        libc::SYS_clone,
        vec![argument_has(0, libc::CLONE_THREAD as u64, libc::CLONE_THREAD as u64)?],
    );
    // No memory becomes executable.
    for call in [libc::SYS_mmap, libc::SYS_mprotect] {
        rules.insert(call, vec![argument_has(2, libc::PROT_EXEC as u64, 0)?]);
    }
    // libc asks for the size of the stack; changing a limit is out.
    rules.insert(libc::SYS_prlimit64, vec![argument_has(2, u64::MAX, 0)?]);
    SeccompFilter::new(
        rules,
        SeccompAction::Errno(libc::ENOSYS as u32),
        SeccompAction::Allow,
        TargetArch::try_from(std::env::consts::ARCH)?,
    )?
    .try_into()
    .map_err(seccompiler::Error::from)
}

/// Allows a call where the `mask`ed bits of that argument are `value`.
fn argument_has(index: u8, mask: u64, value: u64) -> Result<SeccompRule, seccompiler::Error> {
    let condition =
        SeccompCondition::new(index, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(mask), value)?;
    Ok(SeccompRule::new(vec![condition])?)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may end where its ground is missing")]

    use std::net::{TcpListener, TcpStream, UdpSocket};
    use std::process::Command;

    use super::*;

    /// The filter holds for the thread that applies it, so a thread of its own can try everything.
    #[test]
    fn the_filter_leaves_memory_and_threads_and_nothing_else() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let denied = std::thread::spawn(move || {
            seccompiler::apply_filter(&filter().unwrap()).unwrap();
            let denied = [
                ("connect", TcpStream::connect(address).map(drop)),
                ("udp", UdpSocket::bind("127.0.0.1:0").map(drop)),
                ("read a file", std::fs::File::open("/proc/self/status").map(drop)),
                ("write a file", std::fs::write("/dev/null", "x")),
                ("run a program", Command::new("/bin/true").status().map(drop)),
                ("lift a limit", limit_resources()),
            ]
            .map(|(what, tried)| (what, tried.is_err()));
            let sum =
                std::thread::spawn(|| vec![1u8; 50_000_000].iter().map(|one| u64::from(*one)).sum::<u64>());
            assert_eq!(sum.join().unwrap(), 50_000_000, "threads and memory still work");
            denied
        });
        for (what, denied) in denied.join().unwrap() {
            assert!(denied, "the filter lets a child {what}");
        }
    }
}
