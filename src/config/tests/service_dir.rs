//! The directory `service/`, and names over all sources.

use super::*;

fn program(name: &str, kind: ProgramKind) -> Program {
    Program { path: format!("/etc/wingmate/service/{name}").into(), kind }
}

#[test]
fn executables_are_services_and_the_rest_is_told() {
    let kinds = [
        ("one.sh", ProgramKind::Program),
        (".hidden", ProgramKind::Program),
        ("backup~", ProgramKind::Program),
        ("README", ProgramKind::Executable),
        ("notes.txt", ProgramKind::Plain),
        ("lib", ProgramKind::Directory),
        ("socket", ProgramKind::Special),
        ("gone", ProgramKind::Unreachable("No such file or directory".into())),
    ];
    let programs = kinds.map(|(name, kind)| program(name, kind)).into_iter().collect();
    let loaded = of(Sources { programs, ..Sources::default() });
    assert!(!loaded.failed());
    let services: Vec<_> = loaded.services().map(|(spec, _)| (&*spec.name, &*spec.process.command[0])).collect();
    assert_eq!(services, [("one.sh", "/etc/wingmate/service/one.sh".as_ref())]);
    let skipped = [
        "README: warning: skipped: it is executable, but begins with neither '#!' nor an ELF header",
        "notes.txt: notice: skipped: it is not executable",
        "lib: notice: skipped: it is a directory, and only files directly in service/ are services",
        "socket: notice: skipped: it is not a regular file",
        "gone: warning: skipped: No such file or directory",
    ];
    assert_eq!(told(&loaded), skipped.map(|text| format!("/etc/wingmate/service/{text}")));
}

#[test]
fn a_name_that_cant_be_a_units_is_an_error() {
    for (name, message) in [
        (
            "my service",
            "the name 'my service' is not allowed (letters, digits, '.', '_', '@' and '-', beginning with a letter or digit)",
        ),
        ("wingmate", "the name 'wingmate' is wingmate's own; choose another"),
    ] {
        let loaded = of(Sources { programs: vec![program(name, ProgramKind::Program)], ..Sources::default() });
        assert_eq!(told(&loaded), [format!("/etc/wingmate/service/{name}: {message}")]);
    }
}

#[test]
fn names_are_unique_over_all_sources_and_crontab_entries_give_way() {
    let yaml = "service:\n  a: { command: [ x ] }\n  b: { command: [ x ] }\ncron:\n  b: { command: [ x ], schedule: '@daily' }\n";
    let loaded = of(Sources {
        yaml: vec![Source::new("w.yaml", yaml)],
        programs: vec![program("a", ProgramKind::Program), program("c", ProgramKind::Program)],
        crontab: Some(Source::new("crontab", "@daily /bin/a\n@daily c\n@daily a\n@daily d\n@daily main\n")),
        ..Sources::default()
    });
    let rule = "names are unique over services and cron jobs";
    assert_eq!(
        told(&loaded),
        [
            format!("w.yaml:5:3: the name 'b' is taken already by w.yaml:3:3; {rule}"),
            format!("/etc/wingmate/service/a: the name 'a' is taken already by w.yaml:2:3; {rule}"),
        ]
    );
    let jobs: Vec<&str> = loaded.jobs().map(|(spec, _)| spec.name()).collect();
    assert_eq!(jobs, ["b", "a-2", "c-2", "a-3", "d", "main-2"]);
}

#[test]
fn problems_found_later_stand_where_they_belong() {
    let yaml = "timezone: Nowhere\nservice:\n  a: { command: [ x ], bananas: 1 }\n";
    let mut loaded = of_yaml(yaml);
    let named: Vec<_> = loaded.zones.iter().map(|zone| (zone.name.clone(), zone.place)).collect();
    assert_eq!(named.len(), 1);
    loaded.add(Severity::Error, [(named[0].1, format!("unknown time zone '{}'", named[0].0))]);
    let place = loaded.services().map(|(_, place)| place).next().unwrap();
    loaded.add(Severity::Warning, [(place, "no such program".to_owned())]);
    let told = told(&loaded);
    assert_eq!(told[0], "w.yaml:1:11: unknown time zone 'Nowhere'");
    assert_eq!(told[1], "w.yaml:3:8: warning: no such program");
    assert!(told[2].starts_with("w.yaml:3:24: unknown key 'bananas' in service 'a' (allowed: "), "{told:?}");
}
