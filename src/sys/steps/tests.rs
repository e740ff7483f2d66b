//! Steps as a started program sees them.

use crate::launch::step::Step;
use crate::model::capability::Capabilities;
use crate::model::command::{Extras, Identity, ProcessSpec, Resource, Rlimit};
use crate::model::signal::Signal;
use crate::model::unit::Pid;
use crate::sys::fault::Fault;
use crate::sys::processes;
use crate::sys::spawn::spawn;
use crate::sys::spawn::tests::{OURS, command, output, plan};
use rustix::process::{WaitOptions, waitpid};
use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities};
use std::fs;

fn asking(words: &[&str], extras: Extras) -> ProcessSpec {
    ProcessSpec { extras: Some(Box::new(extras)), ..command(words) }
}

fn fault(spec: &ProcessSpec) -> Fault {
    spawn(&plan(spec), &OURS).unwrap_err()
}

fn own(file: &str) -> String {
    fs::read_to_string(format!("/proc/thread-self/{file}")).unwrap()
}

fn is_root(test: &str) -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        rustix::io::write(rustix::stdio::stderr(), format!("NOT TESTED: {test} needs root\n").as_bytes()).unwrap();
    }
    root
}

/// Runs this with nothing effective: capabilities are a thread's own, and the others keep theirs.
pub(in crate::sys) fn powerless<T>(run: impl FnOnce() -> T) -> T {
    let found = capabilities(None).unwrap();
    set_capabilities(None, CapabilitySets { effective: CapabilitySet::empty(), ..found }).unwrap();
    let result = run();
    set_capabilities(None, found).unwrap();
    result
}

#[test]
fn each_limit_is_the_one_that_was_meant() {
    let rows = [
        (Resource::Cpu, "Max cpu time", 1001),
        (Resource::Fsize, "Max file size", 1 << 33),
        (Resource::Data, "Max data size", 1 << 34),
        (Resource::Stack, "Max stack size", 1 << 23),
        (Resource::Core, "Max core file size", 0),
        (Resource::Rss, "Max resident set", 1 << 35),
        (Resource::Nproc, "Max processes", 1002),
        (Resource::Nofile, "Max open files", 103),
        (Resource::Memlock, "Max locked memory", 4096),
        (Resource::As, "Max address space", 1 << 36),
        (Resource::Locks, "Max file locks", 104),
        (Resource::Sigpending, "Max pending signals", 105),
        (Resource::Msgqueue, "Max msgqueue size", 106),
        (Resource::Nice, "Max nice priority", 0),
        (Resource::Rtprio, "Max realtime priority", 0),
        (Resource::Rttime, "Max realtime timeout", 107),
    ];
    let rlimits = rows.map(|(resource, _, soft)| Rlimit { resource, soft, hard: soft }).to_vec();
    let before = own("limits");
    let text = output(&plan(&asking(&["cat", "/proc/self/limits"], Extras { rlimits, ..Extras::default() })));
    for (resource, label, value) in rows {
        let line = text.lines().find_map(|line| line.strip_prefix(label)).unwrap();
        let shown: Vec<&str> = line.split_whitespace().take(2).collect();
        assert_eq!(shown, [value.to_string(), value.to_string()], "{}", resource.name());
    }
    assert_eq!(own("limits"), before);
    let unlimited = Rlimit { resource: Resource::Core, soft: 1, hard: 0 };
    let spec = asking(&["true"], Extras { rlimits: vec![unlimited], ..Extras::default() });
    assert_eq!(fault(&spec).to_string(), "setting the limit core to 1:0: invalid argument");
    let beyond = Rlimit { resource: Resource::Nofile, soft: u64::MAX, hard: u64::MAX };
    let spec = asking(&["true"], Extras { rlimits: vec![beyond], ..Extras::default() });
    let expected = "setting the limit nofile to unlimited:unlimited: operation not permitted (needs CAP_SYS_RESOURCE, \
                    and no more than /proc/sys/fs/nr_open)";
    assert_eq!(fault(&spec).to_string(), expected);
}

#[test]
fn nice_and_the_oom_score_are_the_childs_alone() {
    let before = own("oom_score_adj");
    let nice = asking(&["nice"], Extras { nice: Some(7), ..Extras::default() });
    assert_eq!(output(&plan(&nice)), "7\n");
    let score = |value| Extras { oom_score_adj: Some(value), ..Extras::default() };
    let words = ["cat", "/proc/self/oom_score_adj"];
    assert_eq!(output(&plan(&asking(&words, score(987)))), "987\n");
    assert_eq!(own("oom_score_adj"), before);
    let least = before.trim().parse::<i32>().unwrap();
    let out_of_range = fault(&asking(&words, score(1001))).to_string();
    assert_eq!(out_of_range, "writing 1001 to /proc/self/oom_score_adj: invalid argument");
    powerless(|| {
        let nice = fault(&asking(&["nice"], Extras { nice: Some(-3), ..Extras::default() })).to_string();
        assert_eq!(nice, "setting the nice value to -3: permission denied (needs CAP_SYS_NICE)");
        let lower = fault(&asking(&words, score(least - 1))).to_string();
        let expected = format!("writing {} to /proc/self/oom_score_adj: permission denied", least - 1);
        assert_eq!(lower, format!("{expected} (needs CAP_SYS_RESOURCE)"));
    });
}

#[test]
fn the_umask_is_the_childs_alone() {
    let before = own("status");
    let umask = |text: &str| text.lines().find(|line| line.starts_with("Umask:")).map(str::to_owned);
    let spec = asking(&["sh", "-c", "umask"], Extras { umask: Some(0o137), ..Extras::default() });
    assert_eq!(output(&plan(&spec)), "0137\n");
    assert_eq!(umask(&own("status")), umask(&before));
}

#[test]
fn capabilities_are_those_that_were_listed_whoever_has_them() {
    if !is_root("keeping capabilities") {
        return;
    }
    let seen = |user: Option<&str>, kept: Option<u64>, no_new_privs| {
        let extras = Extras { capabilities: kept, no_new_privs, ..Extras::default() };
        let mut spec = asking(&["grep", "-E", "^(Cap|NoNewPrivs)", "/proc/self/status"], extras);
        spec.identity = Identity { user: user.map(str::to_owned), group: None };
        let text = output(&plan(&spec));
        let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
        let sets = ["CapBnd:", "CapPrm:", "CapEff:", "CapInh:", "CapAmb:"];
        (sets.map(|name| u64::from_str_radix(&field(name), 16).unwrap()), field("NoNewPrivs:"))
    };
    let before = own("status");
    let (bind, chown) = (Capabilities::named("net_bind_service").unwrap().0, 1);
    for user in [None, Some("4321"), Some("plain")] {
        for kept in [0, bind, bind | chown] {
            // What no kernel has is passed over.
            assert_eq!(seen(user, Some(kept | 1 << 63), false), ([kept; 5], "0".into()), "{user:?} {kept}");
        }
    }
    assert_eq!(seen(None, None, true).1, "1");
    let ([_, permitted, effective, _, ambient], _) = seen(Some("4321"), None, false);
    assert_eq!([permitted, effective, ambient], [0; 3]);
    assert_eq!(own("status").lines().filter(|line| line.starts_with("Cap")).collect::<Vec<_>>(), {
        before.lines().filter(|line| line.starts_with("Cap")).collect::<Vec<_>>()
    });
}

#[test]
fn groups_are_set_by_whoever_may() {
    let groups =
        |list: &[&str]| Extras { groups: Some(list.iter().map(|g| (*g).into()).collect()), ..Extras::default() };
    powerless(|| {
        let fault = fault(&asking(&["true"], groups(&["4321"]))).to_string();
        assert_eq!(fault, "setting supplementary groups: operation not permitted (needs CAP_SETGID)");
    });
    if is_root("setting groups") {
        assert_eq!(output(&plan(&asking(&["id", "-G"], groups(&["4321", "7", "4321"])))), "0 7 4321\n");
        assert_eq!(output(&plan(&asking(&["id", "-G"], groups(&[])))), "0\n");
    }
}

#[test]
fn a_parent_that_has_ended_already_is_told_of() {
    let ended = |signal, parent| {
        let extras = Extras { parent_death: Some(signal), ..Extras::default() };
        let mut plan = plan(&asking(&["sh", "-c", "exit 7"], extras));
        for step in &mut plan.steps {
            if let Step::ParentDeath { parent: meant, .. } = step {
                *meant = parent;
            }
        }
        let pid = rustix::process::Pid::from_raw(spawn(&plan, &OURS).unwrap().raw());
        let (_, status) = waitpid(pid, WaitOptions::empty()).unwrap().unwrap();
        status.terminating_signal().or(status.exit_status().map(|code| -code)).unwrap()
    };
    let ours = Some(processes::own());
    assert_eq!(ended(Signal::TERM, ours), -7);
    for other in [None, Some(Pid::INIT)] {
        for signal in [Signal::TERM, Signal::KILL] {
            assert_eq!(ended(signal, other), signal.number());
        }
        // What ends nobody doesn't.
        assert_eq!(ended(Signal::WINCH, other), -7);
    }
}
