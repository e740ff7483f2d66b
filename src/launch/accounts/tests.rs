//! Names and numbers to ids, one row each.

use super::*;

const USERS: &str = "\
root:x:0:0:root:/root:/bin/bash
# dropped:x:11:11::/:/bin/sh
+nis:x:12:12::/:/bin/sh

short:x:13:13
letters:x:abc:14::/:/bin/sh
minus:x:-1:15::/:/bin/sh
last:x:4294967295:16::/:/bin/sh
huge:x:99999999999999999999:17::/:/bin/sh
:x:18:99::/:/bin/sh
  blank:x:19:99::/:/bin/sh
www:x:33:33:www data:/var/www:/usr/sbin/nologin
alias:x:33:99::/elsewhere:
bare:x:40:41:::
deep:x:50:50:x:/home/deep:/bin/sh:with:colons
123:x:60:61::/digits:/bin/sh
twice:x:70:70::/first:/bin/sh
twice:x:71:71::/second:/bin/sh
top:x:4294967294:4294967294::/top:/bin/sh
cut:x:80:80::/cut:/bin/sh";

const GROUPS: &str = "\
root:x:0:
broken
half:x:
adm:x:4:www,deep
www:x:33:
audio:x:29:deep,www
again:x:29:www
other:x:90:wwwx,xwww,www-data
primary:x:33:www
99999:x:91:
odd:x:92:bare,
staff:x:50:rooty,www";

fn accounts() -> Accounts {
    Accounts { passwd: Table::Text(USERS.into()), group: Table::Text(GROUPS.into()) }
}

fn identity(user: &str, group: &str) -> Identity {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Identity { user: some(user), group: some(group) }
}

fn told(accounts: &Accounts, user: &str, group: &str) -> String {
    let target = match accounts.resolve(&identity(user, group)) {
        Ok(target) => target,
        Err(error) => return error.to_string(),
    };
    let id = |id: Option<u32>| id.map_or("-".to_owned(), |id| id.to_string());
    let groups = target
        .groups
        .map_or("-".to_owned(), |groups| groups.iter().map(|gid| gid.raw().to_string()).collect::<Vec<_>>().join(","));
    let person = target.person.map_or("-".to_owned(), |person| {
        let name = person.name.map_or("-".into(), |name| name.into_string().unwrap());
        format!("{name} {} {}", person.home.to_str().unwrap(), person.shell.to_str().unwrap())
    });
    format!("{} {} [{groups}] {person}", id(target.uid.map(Uid::raw)), id(target.gid.map(Gid::raw)))
}

#[test]
fn users_and_groups_by_name_and_number() {
    let rows = [
        // user, group: uid gid [supplementary] name home shell
        ("", "", "- - [-] -"),
        ("root", "", "0 0 [0] root /root /bin/bash"),
        ("0", "", "0 0 [0] root /root /bin/bash"),
        ("www", "", "33 33 [4,29,33,50] www /var/www /usr/sbin/nologin"),
        ("www:", "", "33 33 [4,29,33,50] www /var/www /usr/sbin/nologin"),
        ("33", "", "33 33 [4,29,33,50] www /var/www /usr/sbin/nologin"),
        ("033", "", "33 33 [4,29,33,50] www /var/www /usr/sbin/nologin"),
        ("alias", "", "33 99 [99] alias /elsewhere /bin/sh"),
        ("bare", "", "40 41 [41,92] bare / /bin/sh"),
        ("deep", "", "50 50 [4,29,50] deep /home/deep /bin/sh:with:colons"),
        ("twice", "", "70 70 [70] twice /first /bin/sh"),
        ("71", "", "71 71 [71] twice /second /bin/sh"),
        ("cut", "", "80 80 [80] cut /cut /bin/sh"),
        // With a group: that one, no supplementary ones.
        ("www:adm", "", "33 4 [] www /var/www /usr/sbin/nologin"),
        ("www", "adm", "33 4 [] www /var/www /usr/sbin/nologin"),
        ("www:www", "", "33 33 [] www /var/www /usr/sbin/nologin"),
        ("www:7", "", "33 7 [] www /var/www /usr/sbin/nologin"),
        ("www", "0", "33 0 [] www /var/www /usr/sbin/nologin"),
        ("", "adm", "- 4 [] -"),
        ("", "5", "- 5 [] -"),
        // A number without an entry: the group of that number, never root's.
        ("4242", "", "4242 4242 [] - / /bin/sh"),
        ("4242:adm", "", "4242 4 [] - / /bin/sh"),
        ("4242:0", "", "4242 0 [] - / /bin/sh"),
        ("13", "", "13 13 [] - / /bin/sh"),
        ("11", "", "11 11 [] - / /bin/sh"),
        ("18", "", "18 18 [] - / /bin/sh"),
        ("19", "", "19 19 [] - / /bin/sh"),
        ("12", "", "12 12 [] - / /bin/sh"),
        // A name made of digits is a number, whatever the files say.
        ("123", "", "123 123 [] - / /bin/sh"),
        ("60", "", "60 61 [61] 123 /digits /bin/sh"),
        ("www:99999", "", "33 99999 [] www /var/www /usr/sbin/nologin"),
        ("4294967294", "", "4294967294 4294967294 [4294967294] top /top /bin/sh"),
        // Refused.
        ("nosuch", "", "unknown user 'nosuch' in /etc/passwd"),
        ("short", "", "unknown user 'short' in /etc/passwd"),
        ("letters", "", "unknown user 'letters' in /etc/passwd"),
        ("minus", "", "unknown user 'minus' in /etc/passwd"),
        ("last", "", "unknown user 'last' in /etc/passwd"),
        ("huge", "", "unknown user 'huge' in /etc/passwd"),
        ("+nis", "", "unknown user '+nis' in /etc/passwd"),
        ("# dropped", "", "unknown user '# dropped' in /etc/passwd"),
        ("+33", "", "unknown user '+33' in /etc/passwd"),
        (" 33", "", "unknown user ' 33' in /etc/passwd"),
        ("www:nosuch", "", "unknown group 'nosuch' in /etc/group"),
        ("www:broken", "", "unknown group 'broken' in /etc/group"),
        ("www:half", "", "unknown group 'half' in /etc/group"),
        ("www:adm:4", "", "unknown group 'adm:4' in /etc/group"),
        ("www:adm:x", "", "unknown group 'adm:x' in /etc/group"),
        ("  blank", "", "unknown user '  blank' in /etc/passwd"),
        ("blank", "", "unknown user 'blank' in /etc/passwd"),
        ("-1", "", "'-1' is no possible id (0 to 4294967294)"),
        ("4294967295", "", "'4294967295' is no possible id (0 to 4294967294)"),
        ("4294967296", "", "'4294967296' is no possible id (0 to 4294967294)"),
        ("99999999999999999999999", "", "'99999999999999999999999' is no possible id (0 to 4294967294)"),
        ("www:-1", "", "'-1' is no possible id (0 to 4294967294)"),
        ("www", "4294967295", "'4294967295' is no possible id (0 to 4294967294)"),
        (":adm", "", "':adm' names no user"),
        (":", "", "':' names no user"),
        ("www:adm", "audio", "'www:adm' and 'audio' name a group twice"),
    ];
    for (user, group, expected) in rows {
        assert_eq!(told(&accounts(), user, group), expected, "{user} {group}");
    }
}

#[test]
fn numbers_work_without_files() {
    let none = Accounts::NONE;
    for (user, expected) in [
        ("33", "33 33 [] - / /bin/sh"),
        ("33:44", "33 44 [] - / /bin/sh"),
        ("www", "'/etc/passwd' not found, so the name 'www' can't be looked up (a number works)"),
        ("33:adm", "'/etc/group' not found, so the name 'adm' can't be looked up (a number works)"),
    ] {
        assert_eq!(told(&none, user, ""), expected);
    }
    let only_users = Accounts { group: Table::Missing, ..accounts() };
    assert_eq!(told(&only_users, "www", ""), "33 33 [33] www /var/www /usr/sbin/nologin");
}

#[test]
fn nothing_is_guessed_about_a_file_that_cannot_be_read() {
    let denied = || Table::Unreadable("Permission denied".into());
    let neither = Accounts { passwd: denied(), group: denied() };
    for user in ["33", "www"] {
        assert_eq!(told(&neither, user, ""), "cannot read '/etc/passwd': Permission denied");
    }
    let only_users = Accounts { group: denied(), ..accounts() };
    assert_eq!(told(&only_users, "www", ""), "cannot read '/etc/group': Permission denied");
    assert_eq!(told(&only_users, "www:4", ""), "33 4 [] www /var/www /usr/sbin/nologin");
}

#[test]
fn long_and_binary_lines_are_passed_over() {
    let mut text = vec![b'x'; 1 << 20];
    text.extend_from_slice(b"\nnul:x:34:34::/\0:/bin/sh\n\xff\xfe:x:35:35::/bytes:/bin/sh\nlong:x:36:36:");
    text.extend(std::iter::repeat_n(b'y', 1 << 20));
    text.extend_from_slice(b":/long:/bin/sh\nend:x:37:37::/end:/bin/sh\n");
    let mut groups = b"wide:x:5:".to_vec();
    (0..200_000).for_each(|n| groups.extend_from_slice(format!("user{n},").as_bytes()));
    groups.extend_from_slice(b"end\n");
    let accounts = Accounts { passwd: Table::Text(text), group: Table::Text(groups) };
    assert_eq!(told(&accounts, "nul", ""), "unknown user 'nul' in /etc/passwd");
    assert_eq!(told(&accounts, "long", ""), "36 36 [36] long /long /bin/sh");
    assert_eq!(told(&accounts, "end", ""), "37 37 [5,37] end /end /bin/sh");
    let person = accounts.resolve(&identity("35", "")).unwrap().person.unwrap();
    assert_eq!(person.name.unwrap().as_bytes(), b"\xff\xfe");
}

#[test]
fn there_are_as_many_groups_as_a_process_can_be_in() {
    let accounts = |count: u32| {
        let group = (0..count).map(|n| format!("g{n}:x:{}:some,www\n", 100_000 + n)).collect::<String>();
        Accounts { passwd: Table::Text(USERS.into()), group: Table::Text(group.into()) }
    };
    // The primary one is among them.
    let most = accounts(65_535).resolve(&identity("www", "")).unwrap().groups.unwrap();
    assert_eq!((most.len(), most[0], most[65_535]), (65_536, Gid(33), Gid(165_534)));
    let complaint = "'www' is in 65537 groups of /etc/group, and a process can be in 65536";
    assert_eq!(told(&accounts(65_536), "www", ""), complaint);
    assert_eq!(told(&accounts(65_536), "www:g7", ""), "33 100007 [] www /var/www /usr/sbin/nologin");
}

#[test]
fn lists_of_groups_are_sorted_and_single() {
    let raw = |groups: Result<Vec<Gid>, AccountError>| groups.map(|gids| gids.into_iter().map(Gid::raw).collect());
    assert_eq!(raw(accounts().gids(["audio", "4", "29", "adm"])), Ok(vec![4, 29]));
    let unknown: Result<Vec<u32>, _> = raw(accounts().gids(["nosuch"]));
    assert_eq!(unknown, Err(AccountError::UnknownGroup("nosuch".into())));
}
