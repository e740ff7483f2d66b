//! Who waits for whom.

use super::*;
use crate::model::service::Condition::{self, Completed, Ready, Started};

fn needs(loaded: &Loaded, name: &str) -> Vec<(String, Condition)> {
    let spec = loaded.config.services.iter().find(|spec| spec.name == name).unwrap();
    spec.depends_on.iter().map(|need| (need.name.clone(), need.condition)).collect()
}

fn order(loaded: &Loaded) -> Vec<&str> {
    loaded.in_start_order().map(|(spec, _)| &*spec.name).collect()
}

#[test]
fn names_become_services_with_conditions() {
    let text = "service:\n  web: { command: [ x ], depends_on: [ migrate, cache, pool, tool ] }\n  \
                cache: { command: [ x ] }\n  pool: { command: [ x ], instances: 2, depends_on: { db: } }\n  \
                migrate: { command: [ x ], oneshot: true, depends_on: { db: { condition: started }, pool-2: { condition: ready } } }\n  \
                db: { command: [ x ] }\n  tail: { command: [ x ], restart: on-failure, depends_on: { web: { condition: ready }, bye: { condition: completed } } }\n  \
                bye: { command: [ x ], restart: never }\n";
    let loaded = of(Sources {
        yaml: vec![Source::new("w.yaml", text)],
        programs: vec![Program { path: "/etc/wingmate/service/tool".into(), kind: ProgramKind::Program }],
        ..Sources::default()
    });
    let loaded = good(loaded);
    let is = |pairs: &[(&str, Condition)]| pairs.iter().map(|(n, c)| ((*n).to_owned(), *c)).collect::<Vec<_>>();
    let of_web = [("migrate", Completed), ("cache", Ready), ("pool-1", Ready), ("pool-2", Ready), ("tool", Ready)];
    assert_eq!(needs(&loaded, "web"), is(&of_web));
    assert_eq!(needs(&loaded, "pool-1"), is(&[("db", Ready)]));
    assert_eq!(needs(&loaded, "migrate"), is(&[("db", Started), ("pool-2", Ready)]));
    assert_eq!(needs(&loaded, "tail"), is(&[("web", Ready), ("bye", Completed)]));
    let sorted = ["db", "pool-1", "pool-2", "migrate", "cache", "tool", "web", "bye", "tail"];
    assert_eq!(order(&loaded), sorted);
    assert_eq!(loaded.config.services[0].name, "web", "the list itself stays as the file has it");
    assert_eq!(order(&good(of_yaml("service: { b: { command: [ x ] }, a: { command: [ x ] } }"))), ["b", "a"]);
}

#[test]
fn what_cant_be_waited_for_is_told() {
    let never = "'condition: completed' never comes about: 'db' is no oneshot, and started again whenever it ends";
    let table: &[(&str, &[&str])] = &[
        ("[ bd ]", &["w.yaml:2:40: there is no service 'bd' to depend on (did you mean 'db'?)"]),
        ("{ banana: }", &["w.yaml:2:40: there is no service 'banana' to depend on"]),
        ("[ tidy ]", &["w.yaml:2:40: 'tidy' is a cron job; only services can be depended on"]),
        ("[ entry ]", &["w.yaml:2:40: 'entry' is a cron job; only services can be depended on"]),
        ("[ db, db ]", &["w.yaml:2:44: 'db' is here twice"]),
        (
            "db",
            &[
                "w.yaml:2:38: 'depends_on' must be a list of services, or a map of NAME: {condition}, not a single value",
            ],
        ),
        (
            "{ db: ready }",
            &[
                "w.yaml:2:44: 'depends_on' must be a map of NAME: {condition: started, ready or completed}, not a single value",
            ],
        ),
        (
            "{ db: { condition: redy } }",
            &["w.yaml:2:57: 'condition' must be one of started, ready, completed, not 'redy' (did you mean 'ready'?)"],
        ),
        (
            "{ db: { when: now } }",
            &["w.yaml:2:46: unknown key 'when' in 'depends_on' of service 'web' (allowed: condition)"],
        ),
        ("{ db: { condition: completed } }", &[&format!("w.yaml:2:40: {never} (w.yaml:3:3)")]),
        ("{ db: { condition: started } }", &[]),
        (
            "[ off ]",
            &[
                "w.yaml:2:40: warning: 'off' has 'autostart: false' (w.yaml:4:26): this waits until it is started by hand",
            ],
        ),
    ];
    let rest = "  db: { command: [ x ] }\n  off: { command: [ x ], autostart: false }\ncron:\n  tidy: { command: [ x ], schedule: '@daily' }\n";
    let make = |depends: &str| {
        let yaml = format!("service:\n  web: {{ command: [ x ], depends_on: {depends} }}\n{rest}");
        of(Sources {
            yaml: vec![Source::new("w.yaml", yaml)],
            crontab: Some(Source::new("crontab", "@daily entry\n")),
            ..Sources::default()
        })
    };
    assert_told(make, table);
}

#[test]
fn circles_are_shown() {
    let service = |name: &str, needs: &str| format!("  {name}: {{ command: [ x ], depends_on: [ {needs} ] }}\n");
    let told_of = |services: &[(&str, &str)]| {
        let services: String = services.iter().map(|(name, needs)| service(name, needs)).collect();
        told(&of_yaml(format!("service:\n{services}")))
    };
    assert_eq!(told_of(&[("a", "a")]), ["w.yaml:2:38: a circle of dependencies: a → a"]);
    assert_eq!(
        told_of(&[("a", "b"), ("b", "c"), ("c", "d, a"), ("d", "c"), ("e", "a")]),
        [
            "w.yaml:4:41: a circle of dependencies: a → b → c → a (w.yaml:2:38, w.yaml:3:38)",
            "w.yaml:5:38: a circle of dependencies: c → d → c (w.yaml:4:38)",
        ]
    );
    let copies = "service:\n  a: { command: [ x ], instances: 3, depends_on: [ b ] }\n  b: { command: [ x ], depends_on: [ a-2 ] }\n";
    assert_eq!(told(&of_yaml(copies)), ["w.yaml:3:38: a circle of dependencies: a → b → a (w.yaml:2:52)"]);
    // A chain as long as a file is no reason to overflow a stack.
    let long: String = (0..5_000).map(|n| service(&format!("s{n}"), &format!("s{}", (n + 1) % 5_000))).collect();
    let told_of = told(&of_yaml(format!("service:\n{long}")));
    assert_eq!(told_of.len(), 1);
    assert!(told_of[0].starts_with("w.yaml:5001:"), "{}", &told_of[0][..80]);
}
