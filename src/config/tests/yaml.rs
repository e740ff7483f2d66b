//! YAML itself: what is broken, what is limited, anchors and merges.

use super::*;

#[test]
fn broken_yaml_is_told_once_with_its_place() {
    let table: &[(&str, &[&str])] = &[
        ("service: [", &["w.yaml:2:1: not valid YAML: while parsing a node, did not find expected node content"]),
        ("a: b: c", &["w.yaml:1:5: not valid YAML: mapping values are not allowed in this context"]),
        (
            "service:\n  a:\n\tcommand: x",
            &["w.yaml:3:2: not valid YAML: tabs disallowed within this context (block indentation)"],
        ),
        ("x-a: \"open", &["w.yaml:1:6: the quote \" is never closed"]),
        ("x-a: 'open", &["w.yaml:1:6: the quote ' is never closed"]),
        ("x-a: *b", &["w.yaml:1:6: there is no anchor '&b' above for the alias '*b'"]),
        ("x-a: @daily", &["w.yaml:1:6: a value that begins with '@' must be quoted: \"@daily\""]),
        ("x-a: `x`", &["w.yaml:1:6: a value that begins with '`' must be quoted: \"`x`\""]),
        ("x-a: &a [ *a ]", &["w.yaml:1:11: this alias stands inside of its own anchor"]),
        ("x-a: !foo 1", &["w.yaml:1:11: the tag '!foo' means nothing here"]),
        ("x-a: 1\n---\nx-b: 2", &["w.yaml:2:1: a second document begins here; a file holds one"]),
        ("x-a: 1\n...\nx-b: 2", &["w.yaml:3:1: a second document begins here; a file holds one"]),
        ("[ a ]: 1", &["w.yaml:1:1: a key must be a single value, not a list"]),
        ("x-a: a\0b", &["w.yaml:1:7: the control character U+0000 is not allowed in YAML"]),
        ("é\u{1b}: 1", &["w.yaml:1:2: the control character U+001B is not allowed in YAML"]),
        ("x-a: 1\rx-b: 2", &["w.yaml:1:7: the control character U+000D is not allowed in YAML"]),
        ("- a", &["w.yaml:1:1: the file must be a map (key: value), not a list"]),
        ("just words", &["w.yaml:1:1: the file must be a map (key: value), not a single value"]),
    ];
    assert_told(|text| of_yaml(text), table);
    assert_eq!(told(&of_yaml(b"x-a: 1\nx-b: \xff")), ["w.yaml:2:6: this is not UTF-8"]);
}

#[test]
fn an_unquoted_schedule_is_told_to_be_quoted() {
    let told_of = |schedule: &str| told(&job(&format!("    schedule: {schedule}\n")));
    let sign = "quote the schedule, an unquoted '*' is YAML's sign for an alias";
    assert_eq!(told_of("*/5 * * * *"), [format!("w.yaml:4:15: {sign}: \"*/5 * * * *\"")]);
    assert_eq!(told_of("* * * * * # all"), [format!("w.yaml:4:15: {sign}: \"* * * * *\"")]);
    assert_eq!(told_of("@daily"), ["w.yaml:4:15: a value that begins with '@' must be quoted: \"@daily\""]);
    let flow = "cron: { a: { schedule: */5 * * * *, command: [ x ] } }";
    assert_eq!(told(&of_yaml(flow)), [format!("w.yaml:1:24: {sign}: \"*/5 * * * *\"")]);
    good(job("    schedule: 0 * * * *\n"));
}

#[test]
fn keys_that_are_there_twice_are_told() {
    let text = "service:\n  a: { command: [ x ], user: b, user: c }\n  a: { command: [ y ] }\nservice: {}\n";
    assert_eq!(
        told(&of_yaml(text)),
        [
            "w.yaml:2:33: the key 'user' is here twice; first in line 2",
            "w.yaml:3:3: the key 'a' is here twice; first in line 2",
            "w.yaml:4:1: the key 'service' is here twice; first in line 1",
        ]
    );
    let merges = "x-d: &d { user: a }\nservice:\n  a:\n    <<: *d\n    <<: *d\n    command: [ x ]\n";
    assert_eq!(told(&of_yaml(merges)), ["w.yaml:5:5: the key '<<' is here twice; first in line 4"]);
}

#[test]
fn anchors_aliases_and_merges_work() {
    let text = "x-base: &base\n  user: nobody\n  environ: { A: 1 }\nx-more: &more { working_dir: /srv, user: other }\n\
                service:\n  a: { <<: *base, command: [ x ] }\n  b: { command: [ x ], <<: [ *base, *more ], user: me }\n\
                \x20 c: &c { command: &cmd [ x, y ] }\n  d: { command: *cmd }\n  e: *c\n";
    let loaded = good(of_yaml(text));
    let shown: Vec<_> = loaded
        .config
        .services
        .iter()
        .map(|spec| {
            let dir = spec.process.working_dir.as_ref().map(|dir| dir.to_str().unwrap());
            (
                &*spec.name,
                spec.process.identity.user.as_deref(),
                dir,
                spec.process.environ.len(),
                spec.process.command.len(),
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("a", Some("nobody"), None, 1, 1),
            ("b", Some("me"), Some("/srv"), 1, 1),
            ("c", None, None, 0, 2),
            ("d", None, None, 0, 2),
            ("e", None, None, 0, 2),
        ]
    );
}

#[test]
fn a_mistake_behind_an_anchor_is_told_once() {
    let text = "x-base: &base { usr: nobody }\nservice:\n  a: { <<: *base, command: [ x ] }\n  a2: { <<: *base, command: [ x ] }\n";
    assert_eq!(
        told(&of_yaml(text)),
        [
            "w.yaml:1:17: unknown key 'usr' in service 'a' (did you mean 'user'?)",
            "w.yaml:1:17: unknown key 'usr' in service 'a2' (did you mean 'user'?)",
        ]
    );
    let text = "x-base: &base { format: jso }\nlog: *base\nservice: { a: { <<: 1, command: [ x ] } }\n";
    assert_eq!(
        told(&of_yaml(text)),
        [
            "w.yaml:1:25: 'format' must be one of text, json, raw, not 'jso' (did you mean 'json'?)",
            "w.yaml:3:21: '<<' takes a map, an alias of one, or a list of them, not a single value",
        ]
    );
}

#[test]
fn depth_and_expansion_are_limited() {
    let nested = |depth: usize| format!("x-a: {}{}", "[".repeat(depth), "]".repeat(depth));
    good(of_yaml(nested(63)));
    assert_eq!(told(&of_yaml(nested(64))), ["w.yaml:1:69: nested more than 64 deep"]);
    // Each alias goes deeper though no line does.
    let mut chain = "x-0: &a0 []\n".to_owned();
    (1..70).for_each(|i| chain += &format!("x-{i}: &a{i} [ *a{} ]\n", i - 1));
    assert_eq!(told(&of_yaml(chain)), ["w.yaml:64:14: nested more than 64 deep"]);
    let mut laughs = "x-0: &a0 [ ha, ha, ha, ha, ha, ha, ha, ha, ha, ha ]\n".to_owned();
    (1..10).for_each(|i| laughs += &format!("x-{i}: &a{i} [ {} ]\n", vec![format!("*a{}", i - 1); 10].join(", ")));
    let told_of = told(&of_yaml(laughs));
    assert_eq!(told_of.len(), 1);
    assert!(told_of[0].ends_with("more than 250000 values, aliases counted as what they stand for"), "{told_of:?}");
    // A large text that is repeated counts as many values.
    let text = format!("x-a: &a {}\nx-b: [ {} ]\n", "a".repeat(1 << 20), vec!["*a"; 1_000].join(", "));
    assert!(told(&of_yaml(text))[0].contains("more than 250000 values"));
}

#[test]
fn a_file_of_nothing_is_nothing() {
    for text in [
        "",
        "\n",
        "# x\n",
        "---\n",
        "---\n...\n",
        "\u{feff}",
        "~",
        "service:\ncron:\n",
        "{}",
        "x-a: [ 1, { b: c } ]\r\n",
    ] {
        assert!(good(of_yaml(text)).is_empty(), "{text:?}");
    }
}

#[test]
fn columns_count_characters() {
    let text = "\u{feff}x-é: { ü: 1 }\r\nservice: { web: { command: [ ä ], usr: x } }\r\n";
    assert_eq!(told(&of_yaml(text)), ["w.yaml:2:35: unknown key 'usr' in service 'web' (did you mean 'user'?)"]);
}
