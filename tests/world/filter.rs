//! A sandbox that refuses some system calls: a seccomp filter (seccomp(2)) that a program under test begins with.
//!
//! Unsafe: prctl(2), for which rustix has no filter, and what the child does before its exec.
#![allow(unsafe_code)]

use std::io::Error;
use std::os::unix::process::CommandExt;
use std::process::Command;

const LOAD_WORD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
const IS_EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;

/// The program, and whatever it starts, finds these calls refused with these errors.
pub fn refuse<'a>(command: &'a mut Command, calls: &[(i64, i32)]) -> &'a mut Command {
    let step = |code, jt, k| libc::sock_filter { code, jt, jf: u8::from(code == IS_EQUAL), k };
    // The call's number is the first word of seccomp_data.
    let mut filter = vec![step(LOAD_WORD, 0, 0)];
    for (number, error) in calls {
        filter.push(step(IS_EQUAL, 0, *number as u32));
        filter.push(step(RETURN, 0, libc::SECCOMP_RET_ERRNO | *error as u32));
    }
    filter.push(step(RETURN, 0, libc::SECCOMP_RET_ALLOW));
    // SAFETY: prctl is async-signal-safe, nothing is allocated; the kernel copies the filter, which lives as long as
    // the closure that it was moved into.
    unsafe {
        command.pre_exec(move || {
            let length = filter.len() as u16;
            let program = libc::sock_fprog { len: length, filter: filter.as_ptr().cast_mut() };
            let done = libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
                && libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) == 0;
            if done { Ok(()) } else { Err(Error::last_os_error()) }
        })
    }
}
