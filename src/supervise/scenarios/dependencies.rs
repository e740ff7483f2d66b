//! Who starts after whom, and stops before whom.

use super::*;
use crate::model::service::{Condition, Dependency};

/// A service that depends on others.
pub fn after(name: &str, needs: &[(&str, Condition)]) -> ServiceSpec {
    let depends_on =
        needs.iter().map(|(name, condition)| Dependency { name: (*name).into(), condition: *condition }).collect();
    ServiceSpec { depends_on, ..service(name) }
}

fn oneshot(name: &str) -> ServiceSpec {
    ServiceSpec { oneshot: true, restart: Restart::Never, ..service(name) }
}

#[test]
fn a_service_starts_when_what_it_needs_is_done_and_up() {
    let web = after("web", &[("db", Condition::Ready), ("migrate", Condition::Completed)]);
    let migrate = ServiceSpec { depends_on: after("", &[("db", Condition::Ready)]).depends_on, ..oneshot("migrate") };
    let mut world = World::new(services(vec![web, migrate, service("db")])).manner(1, ends(2.0, 0)).begin();
    world.pass(seconds(10.0));
    assert_eq!(world.times("db starts"), [0]);
    assert_eq!(world.times("migrate starts"), [0]);
    assert_eq!(world.times("web starts"), [2000]);
    assert!(world.said("web: waiting (for db, migrate)"));
}

#[test]
fn who_waits_for_one_that_failed_is_told_and_starts_if_it_comes_up_after_all() {
    let web = after("web", &[("migrate", Condition::Completed)]);
    let top = after("top", &[("web", Condition::Ready)]);
    let plan = |more: &[ServiceSpec]| services([&[oneshot("migrate"), web.clone(), top.clone()], more].concat());
    let mut world = World::new(plan(&[service("other")])).manner(0, ends(1.0, 5)).begin();
    world.pass(seconds(5.0));
    assert!(world.said("web: waiting (dependency migrate failed)"));
    assert!(world.supervisor.status(world.now).iter().any(|line| line.contains("dependency web waits in vain")));
    let mut world = World::new(plan(&[])).manner(0, ends(1.0, 5)).begin();
    world.pass(seconds(5.0));
    assert_eq!(world.left, Some(1), "nothing is left that can run by itself");
    assert_eq!(world.last_words(), "stopping: nothing is left to run: failed: migrate, web, top; exit status 1");
}

/// Sixty diamonds one upon the other: a walk along every way would not end in this world's time.
#[test]
fn a_ladder_of_diamonds_starts_at_once_and_fails_at_once() {
    let plan = || {
        let mut specs = vec![oneshot("migrate")];
        let mut below = vec![("migrate".to_owned(), Condition::Completed)];
        for rung in 0..60 {
            let names = [format!("left{rung}"), format!("right{rung}")];
            let needs: Vec<(&str, Condition)> = below.iter().map(|(name, how)| (name.as_str(), *how)).collect();
            specs.extend(names.iter().map(|name| after(name, &needs)));
            below = names.map(|name| (name, Condition::Ready)).to_vec();
        }
        services(specs)
    };
    let mut world = World::new(plan()).manner(0, ends(1.0, 0)).begin();
    world.pass(seconds(2.0));
    assert_eq!(world.times("right59 starts"), [1000]);
    let mut world = World::new(Plan { main: main_command().main, ..plan() }).manner(0, ends(1.0, 5)).begin();
    world.pass(seconds(2.0));
    assert_eq!(world.left, Some(1));
}

#[test]
fn a_dependencys_restart_leaves_its_dependents_alone() {
    let web = after("web", &[("db", Condition::Ready)]);
    let mut world = World::new(services(vec![service("db"), web])).manner(0, ends(15.0, 1)).begin();
    world.pass(seconds(50.0));
    assert_eq!(world.times("db starts"), [0, 15_000, 30_000, 45_000]);
    assert_eq!(world.times("web starts"), [0]);
}

#[test]
fn a_restart_does_not_wait_for_dependencies_again() {
    let web = after("web", &[("db", Condition::Ready)]);
    let plan = services(vec![service("db"), web]);
    let mut world = World::new(plan).manner(0, ends(2.0, 1)).manner(1, ends(2.05, 1)).begin();
    world.pass(seconds(2.2));
    assert_eq!(world.times("web starts"), [0, 2150], "while the other one is in its second run");
}

#[test]
fn each_unit_stops_when_all_that_depends_on_it_has_gone() {
    // Two chains side by side: the slow end of one delays nobody in the other.
    let plan = services(vec![
        service("db"),
        after("api", &[("db", Condition::Ready)]),
        service("cache"),
        after("web", &[("cache", Condition::Ready)]),
    ]);
    let mut world = World::new(plan)
        .manner(0, obeys(Some(0.1)))
        .manner(1, obeys(Some(1.0)))
        .manner(2, obeys(Some(1.0)))
        .manner(3, obeys(Some(0.1)))
        .begin();
    stop(&mut world);
    assert_eq!([world.times("SIGTERM to api"), world.times("SIGTERM to web")], [[0], [0]]);
    assert_eq!(world.times("SIGTERM to cache"), [100]);
    assert_eq!(world.times("SIGTERM to db"), [1000]);
    assert_eq!(world.elapsed(), 1100, "as long as the slowest chain");
}

#[test]
fn a_oneshot_in_the_middle_that_is_done_keeps_the_order() {
    let migrate = ServiceSpec { depends_on: after("", &[("db", Condition::Ready)]).depends_on, ..oneshot("migrate") };
    let web = after("web", &[("migrate", Condition::Completed)]);
    let plan = services(vec![service("db"), migrate, web]);
    let mut world = World::new(plan).manner(1, ends(0.1, 0)).manner(2, obeys(Some(0.7))).begin();
    world.pass(seconds(1.0));
    stop(&mut world);
    assert_eq!((world.times("SIGTERM to web"), world.times("SIGTERM to db")), (vec![1000], vec![1700]));
}

#[test]
fn each_of_a_stubborn_chain_gets_its_share() {
    let plan =
        services(vec![service("a"), after("b", &[("a", Condition::Ready)]), after("c", &[("b", Condition::Started)])]);
    let mut world = World::new(plan).manner(0, obeys(None)).manner(1, obeys(None)).manner(2, obeys(None)).begin();
    stop(&mut world);
    // A third of 7.7 s, half of what is left then, all of the rest.
    assert_eq!(world.times("SIGTERM to c"), [0]);
    assert_eq!(world.times("SIGTERM to b"), [2566]);
    assert_eq!(world.times("SIGTERM to a"), [5133]);
    assert_eq!(world.elapsed(), 7700);
    assert!(world.last_words().contains("killed because their time was over: a, b, c"));
}

#[test]
fn the_main_command_waits_for_all_and_not_for_what_waits_in_vain() {
    let web = after("web", &[("migrate", Condition::Completed)]);
    let plan = Plan { services: vec![oneshot("migrate"), web], ..main_command() };
    let mut world = World::new(plan).manner(0, ends(1.0, 0)).begin();
    world.pass(seconds(3.0));
    assert_eq!([world.times("web starts"), world.times("main starts")], [[1000], [1000]]);

    let web = after("web", &[("debug", Condition::Ready)]);
    let debug = ServiceSpec { autostart: false, ..service("debug") };
    let plan = Plan { services: vec![debug, web], ..main_command() };
    let mut world = World::new(plan).begin();
    world.pass(seconds(3.0));
    assert_eq!(
        world.last_words(),
        "stopping: main command not started: web waits (dependency debug isn't started); exit status 1"
    );
}

#[test]
fn a_delayed_shutdown_leaves_everything_as_it_is_for_a_while() {
    let plan = |services| Plan { shutdown_delay: seconds(2.0), services, ..main_command() };
    let mut world = World::new(plan(vec![service("web")])).begin();
    world.pass(seconds(1.0));
    stop(&mut world);
    assert_eq!(world.times("STOPPING=1"), [1000]);
    assert_eq!([world.times("SIGTERM to main"), world.times("SIGTERM to web")], [[3000], [3000]]);
    assert_eq!(world.left, Some(143));

    let mut world = World::new(plan(vec![service("web")])).begin();
    world.happen(Event::Signalled(Signal::TERM));
    world.pass(seconds(0.5));
    world.happen(Event::Signalled(Signal::INT));
    world.pass(seconds(0.1));
    assert_eq!(world.times("SIGTERM to main"), [500], "a second signal ends the delay");
    assert_eq!(world.left, Some(143));
}

#[test]
fn wingmates_own_manager_is_told_when_all_is_up() {
    let plan = Plan { services: vec![oneshot("migrate"), service("web")], ..main_command() };
    let mut world = World::new(plan).manner(0, ends(1.5, 0)).begin();
    world.pass(seconds(3.0));
    assert_eq!(world.times("READY=1"), [1500]);
}
