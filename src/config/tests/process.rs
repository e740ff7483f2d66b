//! What a process may ask for beyond command and user: environment, secrets, limits, privileges.

use super::*;
use crate::model::command::{Extras, InheritEnv, Resource, Rlimit, Secret, Stdin};

fn process(keys: &str) -> crate::model::command::ProcessSpec {
    good(service(keys)).config.services.remove(0).process
}

fn variables(pairs: &[(&str, &str)]) -> Vec<(std::ffi::OsString, std::ffi::OsString)> {
    pairs.iter().map(|(name, value)| (name.into(), value.into())).collect()
}

#[test]
fn env_files_come_before_environ() {
    let of_a = [("B", "x y"), ("C", "q\""), ("D", "a#b"), ("E", "")];
    let all = |first: (&'static str, &'static str), more: &[(&str, &str)]| {
        let mut pairs = vec![first];
        pairs.extend(of_a);
        pairs.extend(more);
        variables(&pairs)
    };
    assert_eq!(process("    env_file: /env/a\n").environ, all(("A", "1"), &[]));
    assert_eq!(process("    env_file: [ /env/a ]\n    environ: [ G=1 ]\n").environ, all(("A", "1"), &[("G", "1")]));
    let mut both = variables(&of_a);
    both.extend(variables(&[("F", "é"), ("A", "3")]));
    let keys = "    environ: { A: 3 }\n    env_file: [ /env/a, -/env/none, /env/b ]\n";
    assert_eq!(process(keys).environ, both, "environ beats files, a later file an earlier one");
    assert_eq!(process("    env_file: -/env/none\n").environ, []);
    let job = good(job("    schedule: '@daily'\n    env_file: /env/b\n"));
    assert_eq!(job.config.jobs[0].manner.process.environ, variables(&[("A", "2"), ("F", "é")]));
}

#[test]
fn what_is_wrong_with_an_env_file_is_told_once_at_its_place() {
    let hint = " (a '-' before the path says that it may be missing)";
    let table: &[(&str, &[&str])] = &[
        (
            "    env_file: /env/none\n",
            &[&format!("w.yaml:4:15: cannot read '/env/none': No such file or directory{hint}")],
        ),
        (
            "    env_file: [ /env/a, none ]\n",
            &[&format!("w.yaml:4:25: cannot read 'none': No such file or directory{hint}")],
        ),
        ("    env_file: -/env/denied\n", &["w.yaml:4:15: cannot read '/env/denied': Permission denied"]),
        ("    env_file: '-'\n", &["w.yaml:4:15: there is no path behind the '-'"]),
        ("    env_file: ''\n", &["w.yaml:4:15: 'env_file' is empty; it must be a path, or a list of them"]),
        ("    env_file: { a: b }\n", &["w.yaml:4:15: 'env_file' must be a path, or a list of them, not a map"]),
        ("    env_file:\n", &["w.yaml:4:5: 'env_file' has no value; it must be a path, or a list of them"]),
        ("    env_file: /env/open\n", &["/env/open: warning: others may write to it"]),
        (
            "    env_file: [ /env/bad, /env/bad ]\n",
            &[
                "/env/bad:2:1: this is not NAME=value",
                "/env/bad:3:1: this is not NAME=value",
                "/env/bad:4:3: the quote ' is never closed",
                "/env/bad:5:7: there is more behind the closing quote: quote the whole value",
                "/env/bad:6:3: a NUL character is not allowed",
                "/env/bad:7:3: this is not NAME=value",
            ],
        ),
    ];
    assert_told(service, table);
}

#[test]
fn what_it_asks_for_is_read() {
    let keys = "    secrets: { TOKEN: /run/t, KEY: { file: /run/k, as: file }, X: { file: x, as: env } }\n    \
                inherit_env: [ PATH, 'AWS_*', '*' ]\n    groups: [ audio, 44 ]\n    umask: 027\n    \
                rlimits: { nofile: 65536, core: '0:unlimited', as: 1GiB, stack: '8MiB:16MiB', cpu: unlimited }\n    \
                nice: -5\n    oom_score_adj: 1000\n    no_new_privs: true\n    capabilities: [ CAP_CHOWN, net_bind_service ]\n    \
                stdin: inherit\n";
    let secret = |name: &str, file: &str, as_file| Secret { name: name.into(), file: file.into(), as_file };
    let limit = |resource, soft, hard| Rlimit { resource, soft, hard };
    let expected = Extras {
        secrets: vec![secret("TOKEN", "/run/t", false), secret("KEY", "/run/k", true), secret("X", "x", false)],
        inherit_env: InheritEnv::Only(vec!["PATH".into(), "AWS_*".into(), "*".into()]),
        groups: Some(vec!["audio".into(), "44".into()]),
        umask: Some(0o027),
        rlimits: vec![
            limit(Resource::Nofile, 65536, 65536),
            limit(Resource::Core, 0, u64::MAX),
            limit(Resource::As, 1 << 30, 1 << 30),
            limit(Resource::Stack, 8 << 20, 16 << 20),
            limit(Resource::Cpu, u64::MAX, u64::MAX),
        ],
        nice: Some(-5),
        oom_score_adj: Some(1000),
        no_new_privs: true,
        capabilities: Some(1 | 1 << 10),
        stdin: Stdin::Inherit,
        keep_home: false,
        argv0: None,
        parent_death: None,
    };
    assert_eq!(*process(keys).extras(), expected);
    let job = good(job(&format!("    schedule: '@daily'\n{keys}")));
    assert_eq!(*job.config.jobs[0].manner.process.extras(), expected);
}

#[test]
fn nothing_is_kept_for_what_is_so_anyway() {
    let keys = "    inherit_env: true\n    no_new_privs: false\n    stdin: null\n    secrets: {}\n    rlimits: {}\n";
    assert_eq!(process(keys).extras, None);
    assert_eq!(process("    stdin: ~\n").extras, None);
    assert_eq!(process("    stdin: 'null'\n").extras, None);
    assert_eq!(process("    capabilities: []\n").extras().capabilities, Some(0));
    assert_eq!(process("    groups: []\n").extras().groups, Some(Vec::new()));
    assert_eq!(process("    inherit_env: false\n").extras().inherit_env, InheritEnv::Nothing);
    assert_eq!(process("    umask: 0\n").extras().umask, Some(0));
    assert_eq!(process("    nice: 0\n    oom_score_adj: -1000\n").extras().nice, Some(0));
}

#[test]
fn wrong_values_are_told() {
    let limit = "nofile: 'x' is neither a whole number nor 'unlimited'";
    let table: &[(&str, &[&str])] = &[
        ("    secrets: [ A ]\n", &["w.yaml:4:14: 'secrets' must be a map of NAME: FILE, not a list"]),
        ("    secrets: { A: }\n", &["w.yaml:4:16: the variable 'A' has no value; it is a file's path"]),
        ("    secrets: { A: '' }\n", &["w.yaml:4:19: 'secrets' is empty; it must be a file's path, or {file, as}"]),
        ("    secrets: { A: [ b ] }\n", &["w.yaml:4:19: 'secrets' must be a file's path, or {file, as}, not a list"]),
        ("    secrets: { 'A=B': /x }\n", &["w.yaml:4:16: 'A=B' can't be a variable's name"]),
        ("    secrets: { A: { as: file } }\n", &["w.yaml:4:16: the secret 'A' has no 'file'"]),
        (
            "    secrets: { A: { file: /x, as: fil } }\n",
            &["w.yaml:4:35: 'as' must be one of env, file, not 'fil' (did you mean 'file'?)"],
        ),
        (
            "    secrets: { A: { path: /x, file: /x } }\n",
            &["w.yaml:4:21: unknown key 'path' in 'secrets' of service 'web' (allowed: file, as)"],
        ),
        ("    inherit_env: some\n", &["w.yaml:4:18: 'inherit_env' must be true or false, not 'some'"]),
        (
            "    inherit_env: { A: 1 }\n",
            &["w.yaml:4:18: 'inherit_env' must be true, false, or a list of names, not a map"],
        ),
        (
            "    inherit_env: [ 'A*B', 'A=' ]\n",
            &[
                "w.yaml:4:20: 'A*B' is no variable's name, nor its beginning and a '*'",
                "w.yaml:4:27: 'A=' is no variable's name, nor its beginning and a '*'",
            ],
        ),
        ("    user: -1\n", &["w.yaml:4:11: '-1' is no possible id (0 to 4294967294)"]),
        ("    user: 4294967295\n", &["w.yaml:4:11: '4294967295' is no possible id (0 to 4294967294)"]),
        ("    user: a:99999999999\n", &["w.yaml:4:11: '99999999999' is no possible id (0 to 4294967294)"]),
        ("    group: -5\n", &["w.yaml:4:12: '-5' is no possible id (0 to 4294967294)"]),
        (
            "    groups: [ a, -5, 'b:c' ]\n",
            &["w.yaml:4:18: '-5' is no possible id (0 to 4294967294)", "w.yaml:4:22: 'b:c' is not a group"],
        ),
        ("    groups: audio\n", &["w.yaml:4:13: 'groups' must be a list of groups, not a single value"]),
        (
            "    umask: 1000\n",
            &["w.yaml:4:12: 'umask' must be an octal number from 000 to 777, such as \"027\", not '1000'"],
        ),
        (
            "    umask: '8'\n",
            &["w.yaml:4:12: 'umask' must be an octal number from 000 to 777, such as \"027\", not '8'"],
        ),
        (
            "    umask: '+7'\n",
            &["w.yaml:4:12: 'umask' must be an octal number from 000 to 777, such as \"027\", not '+7'"],
        ),
        ("    rlimits: { nofil: 1 }\n", &["w.yaml:4:16: unknown limit 'nofil' (did you mean 'nofile'?)"]),
        ("    rlimits: { nofile: x }\n", &[&format!("w.yaml:4:24: {limit}")]),
        ("    rlimits: { nofile: '1:x' }\n", &[&format!("w.yaml:4:24: {limit}")]),
        (
            "    rlimits: { nofile: 64KiB }\n",
            &["w.yaml:4:24: nofile: '64KiB' is neither a whole number nor 'unlimited'"],
        ),
        (
            "    rlimits: { nofile: '2:1' }\n",
            &["w.yaml:4:24: nofile: the soft limit is higher than the hard one, '2:1'"],
        ),
        (
            "    rlimits: { core: 'unlimited:0' }\n",
            &["w.yaml:4:22: core: the soft limit is higher than the hard one, 'unlimited:0'"],
        ),
        (
            "    rlimits: { core: 5x }\n",
            &["w.yaml:4:22: core: '5x' is not a size (such as 512KiB, 10MiB, 10MB; a bare number is bytes)"],
        ),
        (
            "    rlimits: { core: }\n",
            &["w.yaml:4:16: 'core' has no value; it must be a number, unlimited, or \"SOFT:HARD\""],
        ),
        (
            "    rlimits: 5\n",
            &["w.yaml:4:14: 'rlimits' must be a map of NAME: N, unlimited, or \"SOFT:HARD\", not a single value"],
        ),
        ("    nice: 20\n", &["w.yaml:4:11: 'nice' must be a whole number from -20 to 19, not '20'"]),
        ("    nice: -21\n", &["w.yaml:4:11: 'nice' must be a whole number from -20 to 19, not '-21'"]),
        ("    nice: +5\n", &["w.yaml:4:11: 'nice' must be a whole number from -20 to 19, not '+5'"]),
        (
            "    oom_score_adj: -1001\n",
            &["w.yaml:4:20: 'oom_score_adj' must be a whole number from -1000 to 1000, not '-1001'"],
        ),
        ("    no_new_privs: yes\n", &["w.yaml:4:19: 'no_new_privs' must be true or false, not 'yes'"]),
        (
            "    capabilities: chown\n",
            &["w.yaml:4:19: 'capabilities' must be a list of capabilities ([] for none), not a single value"],
        ),
        (
            "    capabilities: [ CAP_CHWON, banana ]\n",
            &[
                "w.yaml:4:21: unknown capability 'CAP_CHWON' (did you mean 'chown'?)",
                "w.yaml:4:32: unknown capability 'banana'",
            ],
        ),
        ("    stdin:\n", &["w.yaml:4:5: 'stdin' has no value; it must be one of null, inherit"]),
        ("    stdin: tty\n", &["w.yaml:4:12: 'stdin' must be one of null, inherit, not 'tty'"]),
    ];
    assert_told(service, table);
}

#[test]
fn wingmates_own_input_is_for_one_unit() {
    let text = "service:\n  a: { command: [ x ], stdin: inherit }\n  b: { command: [ x ], stdin: inherit }\n  \
                c: { command: [ x ], stdin: inherit, instances: 2 }\ncron:\n  d: { command: [ x ], schedule: '@daily', stdin: inherit }\n";
    let one = "'stdin: inherit' is for one unit; another has wingmate's input already (w.yaml:2:24)";
    let lines: Vec<String> = ["3:24", "4:24", "6:44"].iter().map(|place| format!("w.yaml:{place}: {one}")).collect();
    assert_eq!(told(&of_yaml(text)), lines);
    let text = "service:\n  c: { command: [ x ], stdin: inherit, instances: 2 }\n";
    assert_eq!(
        told(&of_yaml(text)),
        ["w.yaml:2:24: 'stdin: inherit' is for one unit; another has wingmate's input already"]
    );
    let mut loaded = good(service("    stdin: inherit\n"));
    loaded.keep_stdin_for_main();
    assert_eq!(
        told(&loaded),
        ["w.yaml:4:5: 'stdin: inherit' can't go with a main command, which has wingmate's own input"]
    );
    let mut loaded = good(service("    stdin: null\n"));
    loaded.keep_stdin_for_main();
    assert_eq!(told(&loaded), Vec::<String>::new());
}
