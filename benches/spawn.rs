//! What a start costs: `sys::spawn` against the floor, a bare vfork + exec + wait of the same program.
//!
//! `cargo bench --bench spawn [-- STARTS]`. The rounds alternate, so that both see the same machine; the median
//! round counts.
#![allow(unsafe_code)]

use std::ffi::{CString, c_char};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};
use wingmate::launch::accounts::Accounts;
use wingmate::launch::environment::Lent;
use wingmate::launch::plan::{Context, Plan};
use wingmate::launch::step::Limit;
use wingmate::model::command::{Identity, ProcessSpec, Session};
use wingmate::model::unit::Pid;
use wingmate::sys::descriptors::Descriptors;
use wingmate::sys::{environment, identity, spawn};

const PROGRAM: &str = "/bin/true";
const ROUNDS: usize = 9;

fn main() -> io::Result<()> {
    let starts = std::env::args().filter_map(|arg| arg.parse().ok()).next().unwrap_or(300);
    let environment = environment::found();
    let floor = Floor::new(&environment);
    let null = File::options().read(true).write(true).open("/dev/null")?;
    let descriptors = Descriptors::stdio([Some(null.as_fd()); 3]);
    let start = |plan: &Plan| wait(spawn::spawn(plan, &descriptors).expect("the program starts").raw());
    let default = plan(&environment, &Setting::default());
    let full = Setting { user: Some("65534"), directory: Some("/"), limit: true };
    let full_plan = identity::ids().may_set_groups.then(|| plan(&environment, &full));

    let mut costs: [Vec<Duration>; 4] = Default::default();
    for _ in 0..ROUNDS {
        costs[0].push(each(starts, || wait(floor.start())));
        costs[1].push(each(starts, || start(&default)));
        costs[2].push(each(starts, || start(&plan(&environment, &Setting::default()))));
        if full_plan.is_some() {
            costs[3].push(each(starts, || start(&plan(&environment, &full))));
        }
    }
    let names =
        ["floor: vfork, exec, wait", "default: session, stdio", "default, plan included", "user, limit, directory"];
    let medians = costs.each_mut().map(|costs| median(costs));
    let mut out = io::stdout().lock();
    writeln!(out, "{starts} starts of {PROGRAM}, median of {ROUNDS} rounds\n")?;
    for (name, cost) in names.iter().zip(medians) {
        match (cost, medians[0]) {
            (Some(cost), Some(floor)) => {
                let ratio = cost.as_secs_f64() / floor.as_secs_f64();
                writeln!(out, "{name:<26}{:>8.1} µs{ratio:>8.2} x", cost.as_secs_f64() * 1e6)?;
            }
            _ => writeln!(out, "{name:<26} not measured: needs the right to change users")?,
        }
    }
    Ok(())
}

/// The cost of one, over `count` of them.
fn each(count: u32, mut run: impl FnMut()) -> Duration {
    let begin = Instant::now();
    (0..count).for_each(|_| run());
    begin.elapsed() / count
}

fn median(costs: &mut [Duration]) -> Option<Duration> {
    costs.sort_unstable();
    costs.get(costs.len() / 2).copied()
}

#[derive(Default)]
struct Setting {
    user: Option<&'static str>,
    directory: Option<&'static str>,
    limit: bool,
}

/// A plan as a unit's start makes it, account files read anew included.
fn plan(environment: &[Lent<'_>], setting: &Setting) -> Plan {
    let spec = ProcessSpec {
        command: vec![PROGRAM.into()],
        identity: Identity { user: setting.user.map(str::to_owned), group: None },
        working_dir: setting.directory.map(Into::into),
        session: Session::Own,
        ..ProcessSpec::default()
    };
    let accounts = if Accounts::needed(&spec) { identity::accounts() } else { Ok(Accounts::NONE) };
    let accounts = accounts.expect("the account files can be read");
    let context = Context {
        environment,
        secrets: &[],
        extra: &[],
        accounts: &accounts,
        ids: &identity::ids(),
        open_files: setting.limit.then_some(Limit { soft: 1024, hard: 1024 }),
        foreground: false,
    };
    Plan::new(&spec, &context).expect("the plan is sound")
}

/// What no supervisor can beat: nothing but the calls themselves, all vectors made beforehand.
struct Floor {
    program: CString,
    _envp: Vec<CString>,
    pointers: Vec<*const c_char>,
}

impl Floor {
    fn new(environment: &[Lent<'_>]) -> Floor {
        use std::os::unix::ffi::OsStrExt;
        let line = |(name, value): &Lent<'_>| CString::new([name.as_bytes(), b"=", value.as_bytes()].concat()).unwrap();
        let envp: Vec<CString> = environment.iter().map(line).collect();
        let pointers = envp.iter().map(|line| line.as_ptr()).chain([std::ptr::null()]).collect();
        Floor { program: CString::new(PROGRAM).unwrap(), _envp: envp, pointers }
    }

    #[allow(deprecated)] // vfork: the child does nothing but exec
    fn start(&self) -> i32 {
        let argv = [self.program.as_ptr(), std::ptr::null()];
        // SAFETY: between vfork and its exec the child touches nothing; the vectors end in null pointers.
        unsafe {
            let pid = libc::vfork();
            if pid == 0 {
                libc::execve(self.program.as_ptr(), argv.as_ptr(), self.pointers.as_ptr());
                libc::_exit(127);
            }
            pid
        }
    }
}

fn wait(pid: i32) {
    let pid = Pid::from_raw(pid).expect("a child");
    let mut status = 0;
    // SAFETY: `status` is ours.
    let waited = unsafe { libc::waitpid(pid.raw(), &mut status, 0) };
    assert!(waited == pid.raw() && status == 0, "status {status}");
}
