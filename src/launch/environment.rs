//! A child's environment: what is inherited, whose home it is, what the unit adds, in this order.

use super::accounts::Person;
use crate::model::command::{InheritEnv, Variable};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// A variable that belongs to somebody else: a start copies each one once only, into what the kernel is given.
pub type Lent<'a> = (&'a OsStr, &'a OsStr);

/// Room for what comes on top of what is inherited, so that it needn't be moved for that.
const ROOM: usize = 8;

/// Where programs are searched when the environment has no `PATH`.
pub const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What the processes of a service with a pid file are known by: its name, and the number of its start.
pub const MARKS: [&str; 2] = ["WINGMATE_SERVICE", "WINGMATE_START"];

/// What units inherit of wingmate's own environment: all but what its own manager told it alone
/// (sd_notify(3), sd_listen_fds(3); another wingmate its marks). `wmexec` passes everything on.
pub fn for_units(mut found: Vec<Lent<'_>>) -> Vec<Lent<'_>> {
    let private = |name: &[u8]| {
        name == b"NOTIFY_SOCKET"
            || name.starts_with(b"WATCHDOG_")
            || name.starts_with(b"LISTEN_")
            || MARKS.iter().any(|mark| mark.as_bytes() == name)
    };
    found.retain(|(name, _)| !private(name.as_bytes()));
    found
}

/// What is passed on of the environment that was found.
pub fn inherited<'a>(found: &[Lent<'a>], which: &InheritEnv) -> Vec<Lent<'a>> {
    let is_passed_on = |name: &OsStr| match which {
        InheritEnv::All => true,
        InheritEnv::Nothing => false,
        InheritEnv::Only(names) => names.iter().any(|wanted| stands_for(wanted, name)),
    };
    let mut lent = Vec::with_capacity(found.len() + ROOM);
    lent.extend(found.iter().filter(|(name, _)| is_passed_on(name)));
    lent
}

/// Variables of one's own, lent.
#[cfg(test)]
pub fn lend(variables: &[Variable]) -> Vec<Lent<'_>> {
    variables.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str())).collect()
}

/// `AWS_*` stands for every name that begins so.
fn stands_for(wanted: &str, name: &OsStr) -> bool {
    match wanted.strip_suffix('*') {
        Some(beginning) => name.as_bytes().starts_with(beginning.as_bytes()),
        None => name == wanted,
    }
}

/// Puts the layers over what is inherited; the later one wins. A variable that is there already keeps its place.
pub fn merge<'a>(
    mut environment: Vec<Lent<'a>>,
    person: Option<&'a Person>,
    layers: &[&'a [Variable]],
) -> Vec<Lent<'a>> {
    if let Some(person) = person {
        become_person(&mut environment, person);
    }
    for (name, value) in layers.iter().copied().flatten() {
        set(&mut environment, name, value);
    }
    environment
}

/// `HOME` and `SHELL` are the user's; `USER` and `LOGNAME` too, or nobody's for a number without a name.
fn become_person<'a>(environment: &mut Vec<Lent<'a>>, person: &'a Person) {
    set(environment, OsStr::new("HOME"), &person.home);
    set(environment, OsStr::new("SHELL"), &person.shell);
    match &person.name {
        Some(name) => ["USER", "LOGNAME"].iter().for_each(|key| set(environment, OsStr::new(key), name)),
        None => environment.retain(|(key, _)| *key != "USER" && *key != "LOGNAME"),
    }
}

fn set<'a>(environment: &mut Vec<Lent<'a>>, name: &'a OsStr, value: &'a OsStr) {
    match environment.iter().position(|(key, _)| *key == name) {
        None => environment.push((name, value)),
        Some(first) => {
            let mut place = 0;
            // A name that was found twice is one variable from now on.
            environment.retain(|(key, _)| {
                place += 1;
                *key != name || place == first + 1
            });
            if let Some(variable) = environment.get_mut(first) {
                variable.1 = value;
            }
        }
    }
}

/// The value of a variable; of two, the first, as getenv(3).
pub fn get<'a>(environment: &[Lent<'a>], name: &str) -> Option<&'a OsStr> {
    environment.iter().find(|(key, _)| *key == name).map(|(_, value)| *value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(text: &str) -> Vec<Variable> {
        text.split_whitespace().filter_map(|word| word.split_once('=')).map(|(k, v)| (k.into(), v.into())).collect()
    }

    fn owned(environment: &[Lent<'_>]) -> Vec<Variable> {
        environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn merge(base: Vec<Variable>, person: Option<&Person>, layers: &[&[Variable]]) -> Vec<Variable> {
        owned(&super::merge(inherited(&lend(&base), &InheritEnv::All), person, layers))
    }

    fn person(name: Option<&str>) -> Person {
        Person { name: name.map(Into::into), home: "/srv".into(), shell: "/bin/ash".into() }
    }

    #[test]
    fn later_layers_win_and_keep_the_place() {
        let base = variables("A=1 HOME=/root B=2 A=3 USER=root LOGNAME=root");
        let merged = merge(base.clone(), None, &[&variables("B=4 C=5"), &variables("C=6 C=7")]);
        assert_eq!(merged, variables("A=1 HOME=/root B=4 A=3 USER=root LOGNAME=root C=7"));
        assert_eq!(merge(base.clone(), None, &[&variables("A=9")])[..2], variables("A=9 HOME=/root"));
        assert_eq!(merge(base.clone(), None, &[&variables("A=9")]).len(), 5);
        assert_eq!(get(&lend(&base), "A"), Some(OsStr::new("1")));
    }

    #[test]
    fn the_user_is_told_unless_set() {
        let base = variables("USER=root HOME=/root LOGNAME=root");
        let user = person(Some("web"));
        assert_eq!(merge(base.clone(), Some(&user), &[]), variables("USER=web HOME=/srv LOGNAME=web SHELL=/bin/ash"));
        let set = variables("HOME=/mine LOGNAME=me");
        assert_eq!(
            merge(base.clone(), Some(&user), &[&set]),
            variables("USER=web HOME=/mine LOGNAME=me SHELL=/bin/ash")
        );
        // Nobody's name rather than root's.
        assert_eq!(merge(base.clone(), Some(&person(None)), &[]), variables("HOME=/srv SHELL=/bin/ash"));
    }

    #[test]
    fn only_what_is_named_is_inherited() {
        let found = variables("AWS_KEY=1 AWS_=2 AWS=3 PATH=/bin A=4 A=5 aws_key=6");
        let only = |names: &[&str]| InheritEnv::Only(names.iter().map(|name| (*name).to_owned()).collect());
        let rows = [
            (InheritEnv::All, "AWS_KEY=1 AWS_=2 AWS=3 PATH=/bin A=4 A=5 aws_key=6"),
            (InheritEnv::Nothing, ""),
            (only(&[]), ""),
            (only(&["PATH", "NONE"]), "PATH=/bin"),
            (only(&["AWS_*"]), "AWS_KEY=1 AWS_=2"),
            (only(&["A", "AWS*"]), "AWS_KEY=1 AWS_=2 AWS=3 A=4 A=5"),
            (only(&["*"]), "AWS_KEY=1 AWS_=2 AWS=3 PATH=/bin A=4 A=5 aws_key=6"),
        ];
        for (which, expected) in rows {
            assert_eq!(owned(&inherited(&lend(&found), &which)), variables(expected), "{which:?}");
        }
    }

    #[test]
    fn units_do_not_inherit_what_was_told_to_wingmate() {
        let found =
            variables("A=1 NOTIFY_SOCKET=@x WATCHDOG_USEC=5 WATCHDOG_PID=1 LISTEN_FDS=2 LISTEN_PID=1 LISTENER=y");
        assert_eq!(owned(&for_units(lend(&found))), variables("A=1 LISTENER=y"));
        let of_another = variables("WINGMATE_SERVICE=a WINGMATE_START=1 WINGMATE_INSTANCE=2");
        assert_eq!(owned(&for_units(lend(&of_another))), variables("WINGMATE_INSTANCE=2"));
    }
}
