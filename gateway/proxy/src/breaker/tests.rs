//! The breaker against a naive model of it, and against many threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::{Breaker, Permit, Policy, State};
use crate::config::{self, Time};

fn policy(probes: u16) -> Policy {
    Policy::new(&config::Breaker {
        minimum: 4,
        window: Time::s(1),
        timeout: Time::ms(50),
        reset: Time::s(2),
        max_reset: Time::s(10),
        probes,
        ..config::Breaker::default()
    })
    .unwrap()
}

#[derive(Debug, Clone)]
enum Step {
    Wait(u64),
    Admit,
    Good(usize),
    Slow(usize),
    Bad(usize),
    Cancel(usize),
    Open(Option<u64>),
    Reset,
    Answered,
    Configure(u16),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0_u64..700).prop_map(Step::Wait),
        1 => (1_500_u64..12_000).prop_map(Step::Wait),
        12 => Just(Step::Admit),
        5 => any::<usize>().prop_map(Step::Good),
        1 => any::<usize>().prop_map(Step::Slow),
        6 => any::<usize>().prop_map(Step::Bad),
        2 => any::<usize>().prop_map(Step::Cancel),
        1 => proptest::option::of(500_u64..5_000).prop_map(Step::Open),
        1 => Just(Step::Reset),
        1 => Just(Step::Answered),
        1 => (1_u16..5).prop_map(Step::Configure),
    ]
}

/// What the promises of the module say, in the slowest way: every outcome is remembered, times are milliseconds.
#[derive(Debug)]
struct Model {
    state: State,
    era: u32,
    until: Option<u64>,
    openings: u32,
    streak: u32,
    log: Vec<(u64, bool)>,
    probes: u32,
}

impl Model {
    fn enter(&mut self, state: State) {
        self.state = state;
        self.era += 1;
        self.streak = 0;
        if state == State::Closed {
            self.log.clear();
            self.openings = 0;
        }
    }

    fn trip(&mut self, now: u64) {
        self.until = Some(now + (2_000 * 2_u64.pow(self.openings.min(20))).min(10_000));
        self.openings += 1;
        self.enter(State::Open);
    }

    /// Whether the request may pass, and whether as a probe.
    fn admit(&mut self, now: u64, out: u32) -> Option<bool> {
        if self.state == State::Open && self.until.is_some_and(|until| now >= until) {
            self.enter(State::HalfOpen);
        }
        match self.state {
            State::Closed => Some(false),
            State::Open => None,
            State::HalfOpen => (out < self.probes).then_some(true),
        }
    }

    fn end(&mut self, now: u64, good: bool, era: u32) {
        if era != self.era {
            return;
        }
        match self.state {
            State::Open => {}
            State::HalfOpen if good => {
                self.streak += 1;
                if self.streak >= self.probes {
                    self.enter(State::Closed);
                }
            }
            State::HalfOpen => self.trip(now),
            State::Closed => {
                self.log.push((now / 100, good));
                let recent: Vec<_> = self.log.iter().filter(|(bucket, _)| bucket + 10 > now / 100).collect();
                let bad = recent.iter().filter(|(_, good)| !good).count();
                if !good && recent.len() >= 4 && bad * 2 >= recent.len() {
                    self.trip(now);
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn it_goes_through_the_states_of_the_naive_model(probes in 1_u16..5, steps in prop::collection::vec(step(), 1..200)) {
        let made = Instant::now();
        let breaker = Arc::new(Breaker::new("orders", policy(probes), made));
        let mut model = Model { state: State::Closed, era: 0, until: None, openings: 0, streak: 0, log: Vec::new(), probes: u32::from(probes) };
        let mut now = 0;
        let mut most = usize::from(probes);
        let mut held: Vec<(Permit, u32)> = Vec::new();
        for step in steps {
            let at = made + Duration::from_millis(now);
            let taken = match &step {
                Step::Good(index) | Step::Slow(index) | Step::Bad(index) | Step::Cancel(index) if !held.is_empty() => {
                    Some(held.swap_remove(index % held.len()))
                }
                _ => None,
            };
            match (step, taken) {
                (Step::Wait(ms), _) => now += ms,
                (Step::Admit, _) => {
                    let out = u32::try_from(held.iter().filter(|(permit, _)| permit.is_probe()).count()).unwrap();
                    let expected = model.admit(now, out);
                    match breaker.admit(at) {
                        Ok(permit) => {
                            prop_assert_eq!(Some(permit.is_probe()), expected);
                            held.push((permit, model.era));
                        }
                        Err(open) => {
                            prop_assert_eq!(None, expected);
                            prop_assert_eq!(open.state, model.state);
                            if let (State::Open, Some(until)) = (model.state, model.until) {
                                prop_assert_eq!(open.retry_after, Duration::from_millis(until - now));
                            }
                        }
                    }
                }
                (Step::Good(_), Some((permit, era))) => {
                    permit.success(at, Duration::from_millis(50));
                    model.end(now, true, era);
                }
                (Step::Slow(_), Some((permit, era))) => {
                    permit.success(at, Duration::from_millis(51));
                    model.end(now, false, era);
                }
                (Step::Bad(_), Some((permit, era))) => {
                    permit.failure(at);
                    model.end(now, false, era);
                }
                (Step::Open(length), _) => {
                    breaker.open(at, length.map(Duration::from_millis));
                    model.until = length.map(|length| now + length);
                    model.enter(State::Open);
                }
                (Step::Reset, _) => {
                    breaker.reset(at);
                    model.enter(State::Closed);
                }
                (Step::Answered, _) => {
                    breaker.answered(at);
                    if model.state == State::Open && model.until.is_some() {
                        model.enter(State::HalfOpen);
                    }
                }
                (Step::Configure(probes), _) => {
                    breaker.configure(policy(probes));
                    model.probes = u32::from(probes);
                    most = most.max(usize::from(probes));
                }
                _ => {}
            }
            prop_assert_eq!(breaker.state(), model.state);
            let out = held.iter().filter(|(permit, _)| permit.is_probe()).count();
            prop_assert!(out <= most);
        }
    }
}

#[test]
fn never_are_more_probes_out_than_allowed_however_many_threads_ask() {
    let made = Instant::now();
    // Any failure opens it, so that it is in and out of all states.
    let breaker = Arc::new(Breaker::new("orders", Policy { minimum: 1, ..policy(3) }, made));
    let (out, most, probed) = (AtomicU32::new(0), AtomicU32::new(0), AtomicU32::new(0));
    std::thread::scope(|scope| {
        for thread in 0..8_u64 {
            let (breaker, out, most, probed) = (&breaker, &out, &most, &probed);
            scope.spawn(move || {
                let mut random = fastrand::Rng::with_seed(thread);
                let mut held = Vec::new();
                for turn in 0..20_000_u64 {
                    // Ten seconds a turn: an open breaker is always due.
                    let now = made + Duration::from_secs(turn * 10);
                    if let Ok(permit) = breaker.admit(now) {
                        if permit.is_probe() {
                            probed.fetch_add(1, SeqCst);
                            most.fetch_max(out.fetch_add(1, SeqCst) + 1, SeqCst);
                        }
                        held.push(permit);
                    }
                    if held.len() > random.usize(0..4) {
                        let permit = held.swap_remove(random.usize(0..held.len()));
                        if permit.is_probe() {
                            out.fetch_sub(1, SeqCst);
                        }
                        match random.u8(0..8) {
                            0 => drop(permit),
                            1 | 2 => permit.success(now, Duration::ZERO),
                            _ => permit.failure(now),
                        }
                    }
                }
                for permit in held {
                    if permit.is_probe() {
                        out.fetch_sub(1, SeqCst);
                    }
                }
            });
        }
    });
    assert!(probed.load(SeqCst) > 1_000, "{probed:?} probes");
    assert!(most.load(SeqCst) <= 3, "{most:?} at once");
    assert_eq!(breaker.status(made).probes, 0);
}

#[test]
fn a_refusal_tells_the_state_and_when_to_come_again() {
    let made = Instant::now();
    let breaker = Arc::new(Breaker::new("orders", policy(3), made));
    breaker.open(made, Some(Duration::from_millis(2_500)));
    let open = breaker.admit(made).unwrap_err();
    let answer = open.refusal("orders").answer("req_1", "/orders");
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.headers()["retry-after"], "3");
    let status = breaker.status(made);
    assert_eq!((status.state, status.refused, status.openings), (State::Open, 1, 1));
    breaker.reset(made);
    assert!(breaker.admit(made).is_ok());
}

#[test]
fn other_settings_keep_the_state() {
    let made = Instant::now();
    let all = super::Breakers::default();
    let breaker = all.of("orders", policy(3), made);
    breaker.open(made, None);
    let again = all.of("orders", policy(1), made);
    assert!(Arc::ptr_eq(&breaker, &again));
    assert_eq!(again.state(), State::Open);
    let off = Policy { enabled: false, ..policy(1) };
    assert!(all.of("orders", off, made).admit(made).is_ok());
    assert!(all.list(made)[0].by_hand);
    all.keep(&std::collections::BTreeSet::new());
    assert!(all.find("orders").is_none());
}
