//! Plans, step by step and layer by layer.

use super::*;
use crate::launch::accounts::Table;
use crate::launch::environment::lend;
use crate::model::command::{Identity, InheritEnv};
use crate::model::signal::Signal;

fn id(raw: u32) -> (Uid, Gid) {
    (Uid::from_raw(raw).unwrap(), Gid::from_raw(raw).unwrap())
}

fn ids(uids: [u32; 3], gids: [u32; 3], groups: &[u32], may_set_groups: bool) -> Ids {
    let groups = groups.iter().map(|raw| id(*raw).1).collect();
    Ids {
        uids: uids.map(|raw| id(raw).0),
        gids: gids.map(|raw| id(raw).1),
        groups,
        may_set_groups,
        permitted: Capabilities(0b1111),
        inheritable: Capabilities(0),
        known: Some(Capabilities(0b1_1111)),
    }
}

fn root() -> Ids {
    ids([0; 3], [0; 3], &[0], true)
}

fn spec(words: &[&str], user: &str) -> ProcessSpec {
    let user = (!user.is_empty()).then(|| user.to_owned());
    ProcessSpec {
        command: words.iter().map(Into::into).collect(),
        identity: Identity { user, group: None },
        session: Session::Inherit,
        ..ProcessSpec::default()
    }
}

fn planned(spec: &ProcessSpec, ids: &Ids, change: impl FnOnce(&mut Context<'_>)) -> Result<Plan, PlanError> {
    layered(spec, ids, [&[]; 3], change)
}

fn layered(
    spec: &ProcessSpec,
    ids: &Ids,
    [environment, secrets, extra]: [&[Variable]; 3],
    change: impl FnOnce(&mut Context<'_>),
) -> Result<Plan, PlanError> {
    let accounts = Accounts {
        passwd: Table::Text(b"root:x:0:0::/root:/bin/sh\nweb:x:33:33::/srv:/bin/sh\n".to_vec()),
        group: Table::Text(b"adm:x:4:web\n".to_vec()),
    };
    let mut context = Context {
        environment: &lend(environment),
        secrets,
        extra,
        accounts: &accounts,
        ids,
        open_files: None,
        foreground: false,
        parent: None,
    };
    change(&mut context);
    Plan::new(spec, &context)
}

fn spoken(plan: &Plan) -> Vec<String> {
    plan.steps.iter().map(Step::to_string).collect()
}

#[test]
fn steps_come_in_the_order_that_the_kernel_demands() {
    let spec = ProcessSpec { session: Session::Own, working_dir: Some("/srv".into()), ..spec(&["x"], "web") };
    let plan = planned(&spec, &root(), |context| {
        context.open_files = Some(Limit { soft: 1024, hard: 4096 });
        context.foreground = true;
    });
    assert_eq!(
        spoken(&plan.unwrap()),
        [
            "setting the limit nofile to 1024:4096",
            "beginning a session",
            "taking the terminal's foreground",
            "setting supplementary groups",
            "setting the group id to 33",
            "setting the user id to 33",
            "changing to directory '/srv'",
        ]
    );
}

#[test]
fn everything_that_may_be_asked_for_has_its_place() {
    let mut spec = ProcessSpec { session: Session::Own, working_dir: Some("/srv".into()), ..spec(&["x"], "web") };
    let limit = |resource, soft, hard| Rlimit { resource, soft, hard };
    *spec.extras_mut() = Extras {
        groups: Some(vec!["adm".into(), "7".into(), "4".into()]),
        umask: Some(0o27),
        rlimits: vec![limit(Resource::Core, 0, u64::MAX), limit(Resource::Nofile, 10, 20)],
        nice: Some(-5),
        oom_score_adj: Some(-500),
        no_new_privs: true,
        capabilities: Some(0b1001),
        parent_death: Some(Signal::HUP),
        ..Extras::default()
    };
    let parent = Pid::from_raw(7);
    let plan = planned(&spec, &root(), |context| {
        context.open_files = Some(Limit { soft: 1024, hard: 4096 });
        context.parent = parent;
    });
    let plan = plan.unwrap();
    assert_eq!(
        spoken(&plan),
        [
            "setting the limit core to 0:unlimited",
            "setting the limit nofile to 10:20",
            "setting the nice value to -5",
            "writing -500 to /proc/self/oom_score_adj",
            "beginning a session",
            "setting supplementary groups",
            "setting the group id to 33",
            "keeping capabilities over the change of the user",
            "setting the user id to 33",
            "keeping only CAP_CHOWN, CAP_FOWNER",
            "changing to directory '/srv'",
            "setting the umask to 027",
            "asking for SIGHUP at the parent's end",
            "giving up new privileges",
        ]
    );
    assert!(plan.steps.contains(&Step::ParentDeath { signal: Signal::HUP, parent }));
    assert!(plan.steps.contains(&Step::Groups(vec![id(4).1, id(7).1])));
}

#[test]
fn another_user_inherits_no_capabilities() {
    let (root, inheriting) = (root(), Ids { inheritable: Capabilities(1), ..root() });
    let last = |spec: &ProcessSpec, ids| spoken(&planned(spec, ids, |_| {}).unwrap()).pop().unwrap_or_default();
    assert_eq!(last(&spec(&["x"], "web"), &inheriting), "giving up inheritable capabilities");
    assert_eq!(last(&spec(&["x"], "web"), &root), "setting the user id to 33");
    assert!(!last(&spec(&["x"], "root"), &inheriting).contains("inheritable"));
    let mut kept = spec(&["x"], "web");
    kept.extras_mut().capabilities = Some(1);
    assert_eq!(last(&kept, &inheriting), "keeping only CAP_CHOWN");
}

#[test]
fn groups_that_are_named_are_never_left_out() {
    let mut named = spec(&["x"], "");
    named.extras_mut().groups = Some(vec!["adm".into()]);
    let groups = ["setting supplementary groups"];
    let mine = |may_set_groups| ids([33; 3], [33; 3], &[33], may_set_groups);
    for may_set_groups in [true, false] {
        let plan = planned(&named, &mine(may_set_groups), |_| {}).unwrap();
        assert_eq!((spoken(&plan), plan.notices), (groups.map(str::to_owned).to_vec(), vec![]));
    }
    named.extras_mut().groups = Some(vec!["33".into()]);
    assert!(planned(&named, &mine(false), |_| {}).unwrap().steps.is_empty());
    // Instead of the user's own, of the group's none, and as nobody's besides.
    for (user, expected) in [("web", vec![4]), ("web:web", vec![4]), ("4321", vec![4])] {
        let mut spec = spec(&["x"], &user.replace(":web", ":33"));
        spec.extras_mut().groups = Some(vec!["adm".into()]);
        let plan = planned(&spec, &root(), |_| {}).unwrap();
        let groups = plan.steps.iter().find_map(|step| if let Step::Groups(g) = step { Some(g) } else { None });
        assert_eq!(groups.unwrap().iter().map(|gid| gid.raw()).collect::<Vec<_>>(), expected, "{user}");
    }
    named.extras_mut().groups = Some(vec!["none".into()]);
    assert_eq!(planned(&named, &root(), |_| {}).unwrap_err().to_string(), "unknown group 'none' in /etc/group");
}

#[test]
fn capabilities_are_kept_if_they_are_there_and_known() {
    let steps = |asked: u64, user| {
        let mut spec = spec(&["x"], user);
        spec.extras_mut().capabilities = Some(asked);
        planned(&spec, &root(), |_| {}).map(|plan| {
            let left_out = asked & !0b1_1111;
            let told = (left_out != 0).then_some(Notice::NoSuchCapability(Capabilities(left_out)));
            assert_eq!(plan.notices, told.into_iter().collect::<Vec<_>>());
            spoken(&plan)
        })
    };
    assert_eq!(steps(0, "").unwrap(), ["dropping all capabilities"]);
    assert_eq!(steps(0b10, "0").unwrap(), ["keeping only CAP_DAC_OVERRIDE"]);
    // The kernel of these ids knows five, of which the process has four.
    assert_eq!(steps(1 << 40 | 1, "").unwrap(), ["keeping only CAP_CHOWN"]);
    let lacking = steps(0b1_0001, "web").unwrap_err().to_string();
    assert_eq!(lacking, "cannot keep CAP_FSETID: not in the permitted set of the process that is to pass it on");
}

#[test]
fn what_is_so_already_is_not_set() {
    let groups = "setting supplementary groups";
    let (gid, uid) = ("setting the group id to 33", "setting the user id to 33");
    let rows: [(Ids, &[&str], usize); 8] = [
        (ids([33; 3], [33; 3], &[4, 33], false), &[], 0),
        (ids([33; 3], [33; 3], &[4, 33], true), &[], 0),
        (ids([33; 3], [33; 3], &[], true), &[groups], 0),
        // Asking for what one is needs no right; what can't be set then stays, with a notice.
        (ids([33; 3], [33; 3], &[], false), &[], 1),
        // A saved or effective id is a way back.
        (ids([33, 33, 0], [33; 3], &[4, 33], false), &[uid], 0),
        (ids([33, 0, 33], [33, 0, 33], &[4, 33], true), &[gid, uid], 0),
        (ids([33; 3], [33, 33, 0], &[], false), &[groups, gid], 0),
        (ids([0; 3], [0; 3], &[0], false), &[groups, gid, uid], 0),
    ];
    for (number, (ids, expected, notices)) in rows.iter().enumerate() {
        let plan = planned(&spec(&["x"], "web"), ids, |_| {}).unwrap();
        assert_eq!(spoken(&plan), *expected, "row {number}");
        assert_eq!(plan.notices.len(), *notices, "row {number}");
    }
    assert!(planned(&spec(&["x"], ""), &root(), |_| {}).unwrap().steps.is_empty());
}

#[test]
fn programs_are_searched_in_the_childs_path() {
    let search = |program: &str, path: Option<&str>| {
        let environ = path.map(|path| ("PATH".into(), path.into())).into_iter().collect();
        let spec = ProcessSpec { environ, ..spec(&[program], "") };
        let base = [("PATH".into(), "/base".into())];
        let plan = layered(&spec, &root(), [&base, &[], &[]], |_| {}).unwrap();
        plan.candidates.iter().map(|path| path.to_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(search("ls", None), ["/base/ls"]);
    assert_eq!(search("ls", Some("/a:/b/")), ["/a/ls", "/b//ls"]);
    assert_eq!(search("ls", Some("/a::/b:")), ["/a/ls", "ls", "/b/ls", "ls"]);
    assert_eq!(search("./ls", Some("/a")), ["./ls"]);
    assert_eq!(search("", Some("/a")), [""]);
    let plan = planned(&spec(&["ls"], ""), &root(), |_| {}).unwrap();
    assert_eq!(plan.candidates.len(), DEFAULT_PATH.split(':').count());
    assert_eq!(plan.candidates.first().unwrap().to_str(), Ok("/usr/local/sbin/ls"));
}

#[test]
fn wingmates_own_variables_win() {
    let environ = vec![("HOME".into(), "/mine".into()), ("WINGMATE_JOB".into(), "theirs".into())];
    let extra = [("WINGMATE_JOB".into(), "backup".into())];
    let spec = ProcessSpec { environ, ..spec(&["x"], "web") };
    let plan = layered(&spec, &root(), [&[], &[], &extra], |_| {}).unwrap();
    let told: Vec<_> = plan.envp.iter().map(|variable| variable.to_str().unwrap()).collect();
    assert_eq!(told, ["HOME=/mine", "SHELL=/bin/sh", "USER=web", "LOGNAME=web", "WINGMATE_JOB=backup"]);
}

#[test]
fn layers_of_the_environment_come_in_order() {
    let variable = |name: &str, value: &str| (OsString::from(name), OsString::from(value));
    let environment = ["PATH", "HOME", "KEPT", "A", "B", "C", "D"].map(|name| variable(name, "inherited"));
    let secrets = ["HOME", "B", "C", "D"].map(|name| variable(name, "secret"));
    let environ = ["C", "D"].map(|name| variable(name, "environ")).to_vec();
    let extra = [variable("D", "told")];
    let told = |inherit_env| {
        let mut spec = ProcessSpec { environ: environ.clone(), ..spec(&["x"], "web") };
        spec.extras_mut().inherit_env = inherit_env;
        let plan = layered(&spec, &root(), [&environment, &secrets, &extra], |_| {}).unwrap();
        let told: Vec<_> = plan.envp.iter().map(|variable| variable.to_str().unwrap().to_owned()).collect();
        assert!(!format!("{plan:?}").contains("secret"));
        (told.join(" "), plan.candidates.first().unwrap().to_str().unwrap().to_owned())
    };
    let (person, rest) = ("SHELL=/bin/sh USER=web LOGNAME=web", "B=secret C=environ D=told");
    let all = format!("PATH=inherited HOME=secret KEPT=inherited A=inherited {rest} {person}");
    assert_eq!(told(InheritEnv::All), (all, "inherited/x".into()));
    let none = format!("HOME=secret {person} {rest}");
    assert_eq!(told(InheritEnv::Nothing), (none.clone(), "/usr/local/sbin/x".into()));
    assert_eq!(
        told(InheritEnv::Only(vec!["K*".into()])),
        (format!("KEPT=inherited {none}"), "/usr/local/sbin/x".into())
    );
}

#[test]
fn argument_0_and_the_home_may_be_somebody_elses() {
    let mut spec = spec(&["ls", "-l"], "web");
    *spec.extras_mut() = Extras { argv0: Some("-other".into()), keep_home: true, ..Extras::default() };
    let environment = [("USER".into(), "root".into())];
    let plan = layered(&spec, &root(), [&environment, &[], &[]], |_| {}).unwrap();
    let words = |list: &Strings| list.iter().map(|word| word.to_str().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(words(&plan.argv), ["-other", "-l"]);
    assert_eq!(words(&plan.candidates)[0], "/usr/local/sbin/ls");
    assert_eq!(words(&plan.envp), ["USER=root"]);
    assert!(spoken(&plan).contains(&"setting the user id to 33".to_owned()));
}

#[test]
fn what_no_kernel_could_take_is_refused() {
    let refused = |spec: &ProcessSpec| planned(spec, &root(), |_| {}).unwrap_err().to_string();
    assert_eq!(refused(&spec(&[], "")), "the command is empty");
    assert_eq!(refused(&spec(&["a", "b\0c"], "")), "a NUL character in the command");
    let environ = vec![("KEY".into(), "a\0b".into())];
    let nul = ProcessSpec { environ, ..spec(&["a"], "") };
    assert_eq!(refused(&nul), "a NUL character in the environment variable 'KEY'");
    let nul = ProcessSpec { working_dir: Some("/a\0".into()), ..spec(&["a"], "") };
    assert_eq!(refused(&nul), "a NUL character in the working directory");
    assert_eq!(refused(&spec(&["a"], "nosuch")), "unknown user 'nosuch' in /etc/passwd");
}
