//! The rules of the ledger as a table, and under random sequences of operations.

mod property;

use super::plan::{self, Account, Plan, Posting, Wallet, WalletStatus};
use super::{AMOUNT_LIMIT, BALANCE_LIMIT, Refusal};

fn wallet(id: &str, available: i64) -> Wallet {
    Wallet { id: id.to_owned(), currency: "EUR".to_owned(), status: WalletStatus::Active, available, held: 0 }
}

fn with_status(status: WalletStatus) -> Wallet {
    Wallet { status, ..wallet("wal_a", 100) }
}

fn posting(account: Account, amount: i64) -> Posting {
    Posting { account, amount }
}

fn available(id: &str, amount: i64) -> Posting {
    posting(Account::Available(id.to_owned()), amount)
}

fn held(id: &str, amount: i64) -> Posting {
    posting(Account::Held(id.to_owned()), amount)
}

fn world(amount: i64) -> Posting {
    posting(Account::World, amount)
}

/// (wallet, type, amount, balance after, available after) of each line.
fn lines(plan: &Plan) -> Vec<(&str, &str, i64, i64, i64)> {
    plan.lines
        .iter()
        .map(|line| {
            (
                line.wallet_id.as_str(),
                line.kind.as_str(),
                line.amount,
                line.balance_after,
                line.available_after,
            )
        })
        .collect()
}

fn code(result: Result<Plan, Refusal>) -> Option<&'static str> {
    result.err().map(|refusal| refusal.code())
}

#[test]
fn a_credit_comes_from_the_world() {
    let plan = plan::credit(&wallet("wal_a", 100), 50).unwrap();
    assert_eq!(plan.postings, [world(-50), available("wal_a", 50)]);
    assert_eq!(lines(&plan), [("wal_a", "credit", 50, 150, 150)]);
}

#[test]
fn a_debit_goes_to_the_world_and_takes_at_most_what_is_available() {
    let payer = Wallet { held: 40, ..wallet("wal_a", 100) };
    let plan = plan::debit(&payer, 100).unwrap();
    assert_eq!(plan.postings, [available("wal_a", -100), world(100)]);
    assert_eq!(lines(&plan), [("wal_a", "debit", -100, 40, 0)]);
    assert_eq!(code(plan::debit(&payer, 101)), Some("insufficient_funds"));
}

#[test]
fn a_transfer_has_two_lines_that_name_each_other() {
    let plan = plan::transfer(&wallet("wal_a", 100), &wallet("wal_b", 1), 30).unwrap();
    assert_eq!(plan.postings, [available("wal_a", -30), available("wal_b", 30)]);
    assert_eq!(lines(&plan), [("wal_a", "transfer", -30, 70, 70), ("wal_b", "transfer", 30, 31, 31)]);
    let counterparts: Vec<_> = plan.lines.iter().map(|line| line.counterpart.as_deref()).collect();
    assert_eq!(counterparts, [Some("wal_b"), Some("wal_a")]);
}

#[test]
fn a_transfer_needs_two_wallets_of_one_currency() {
    let dollars = Wallet { currency: "USD".to_owned(), ..wallet("wal_b", 0) };
    assert_eq!(code(plan::transfer(&wallet("wal_a", 9), &dollars, 1)), Some("currency_mismatch"));
    assert_eq!(code(plan::transfer(&wallet("wal_a", 9), &wallet("wal_a", 9), 1)), Some("same_wallet"));
}

#[test]
fn a_hold_leaves_the_balance_and_takes_from_what_is_available() {
    let plan = plan::hold(&wallet("wal_a", 100), None, 60).unwrap();
    assert_eq!(plan.postings, [available("wal_a", -60), held("wal_a", 60)]);
    assert_eq!(lines(&plan), [("wal_a", "payment_hold", -60, 100, 40)]);
}

#[test]
fn a_partial_capture_pays_the_destination_and_releases_the_rest() {
    let payer = Wallet { held: 60, ..wallet("wal_a", 40) };
    let plan = plan::capture(&payer, Some(&wallet("wal_b", 0)), 60, 45).unwrap();
    assert_eq!(plan.postings, [held("wal_a", -60), available("wal_b", 45), available("wal_a", 15)]);
    assert_eq!(
        lines(&plan),
        [
            ("wal_a", "payment_capture", -45, 55, 40),
            ("wal_b", "payment_capture", 45, 45, 45),
            ("wal_a", "payment_release", 15, 55, 55),
        ]
    );
}

#[test]
fn a_capture_of_more_than_was_authorized_is_no_amount() {
    let payer = Wallet { held: 60, ..wallet("wal_a", 40) };
    assert_eq!(plan::capture(&payer, None, 60, 61), Err(Refusal::Amount(61)));
}

#[test]
fn a_charge_tells_both_steps_and_posts_what_is_left_of_them() {
    let plan = plan::charge(&wallet("wal_a", 100), Some(&wallet("wal_b", 0)), 60).unwrap();
    assert_eq!(plan.postings, [available("wal_a", -60), available("wal_b", 60)]);
    assert_eq!(
        lines(&plan),
        [
            ("wal_a", "payment_hold", -60, 100, 40),
            ("wal_a", "payment_capture", -60, 40, 40),
            ("wal_b", "payment_capture", 60, 60, 60),
        ]
    );
}

#[test]
fn a_release_gives_back_all_that_was_held() {
    let plan = plan::release(&Wallet { held: 60, ..wallet("wal_a", 40) }, 60).unwrap();
    assert_eq!(plan.postings, [held("wal_a", -60), available("wal_a", 60)]);
    assert_eq!(lines(&plan), [("wal_a", "payment_release", 60, 100, 100)]);
}

#[test]
fn a_refund_takes_from_the_destination_only_what_it_has() {
    let plan = plan::refund(&wallet("wal_a", 0), Some(&wallet("wal_b", 50)), 50).unwrap();
    assert_eq!(plan.postings, [available("wal_b", -50), available("wal_a", 50)]);
    assert_eq!(
        lines(&plan),
        [("wal_b", "payment_refund", -50, 0, 0), ("wal_a", "payment_refund", 50, 50, 50)]
    );
    let short = plan::refund(&wallet("wal_a", 0), Some(&wallet("wal_b", 49)), 50);
    assert_eq!(code(short), Some("insufficient_funds"));
    let external = plan::refund(&wallet("wal_a", 0), None, 50).unwrap();
    assert_eq!(external.postings, [world(-50), available("wal_a", 50)]);
}

#[test]
fn a_frozen_wallet_takes_and_never_gives() {
    let frozen = with_status(WalletStatus::Frozen);
    let other = wallet("wal_b", 100);
    for (what, result, expected) in [
        ("credit", plan::credit(&frozen, 1), None),
        ("transfer in", plan::transfer(&other, &frozen, 1), None),
        ("refund to it", plan::refund(&frozen, Some(&other), 1), None),
        ("debit", plan::debit(&frozen, 1), Some("wallet_frozen")),
        ("transfer out", plan::transfer(&frozen, &other, 1), Some("wallet_frozen")),
        ("payment", plan::hold(&frozen, None, 1), Some("wallet_frozen")),
        ("automatic payment", plan::charge(&frozen, None, 1), Some("wallet_frozen")),
        ("refund from it", plan::refund(&other, Some(&frozen), 1), Some("wallet_frozen")),
    ] {
        assert_eq!(code(result), expected, "{what}");
    }
}

#[test]
fn a_payment_that_was_held_before_the_freeze_goes_on() {
    let frozen = Wallet { held: 10, ..with_status(WalletStatus::Frozen) };
    assert_eq!(code(plan::capture(&frozen, None, 10, 10)), None);
    assert_eq!(code(plan::release(&frozen, 10)), None);
}

#[test]
fn nothing_moves_into_or_out_of_a_closed_wallet() {
    let closed = Wallet { held: 10, ..with_status(WalletStatus::Closed) };
    let other = Wallet { held: 10, ..wallet("wal_b", 100) };
    for (what, result) in [
        ("credit", plan::credit(&closed, 1)),
        ("debit", plan::debit(&closed, 1)),
        ("transfer in", plan::transfer(&other, &closed, 1)),
        ("transfer out", plan::transfer(&closed, &other, 1)),
        ("payment out of it", plan::hold(&closed, None, 1)),
        ("payment to it", plan::hold(&other, Some(&closed), 1)),
        ("capture for it", plan::capture(&other, Some(&closed), 10, 10)),
        ("release", plan::release(&closed, 10)),
        ("refund to it", plan::refund(&closed, None, 1)),
        ("refund from it", plan::refund(&other, Some(&closed), 1)),
    ] {
        assert_eq!(code(result), Some("wallet_closed"), "{what}");
    }
}

#[test]
fn an_amount_is_at_least_one_and_at_most_the_limit() {
    let (rich, other) = (wallet("wal_a", BALANCE_LIMIT), wallet("wal_b", 0));
    for amount in [i64::MIN, -1, 0, AMOUNT_LIMIT + 1, i64::MAX] {
        for result in [
            plan::credit(&other, amount),
            plan::debit(&rich, amount),
            plan::transfer(&rich, &other, amount),
            plan::hold(&rich, None, amount),
            plan::charge(&rich, None, amount),
            plan::refund(&other, None, amount),
        ] {
            assert_eq!(result, Err(Refusal::Amount(amount)));
        }
    }
    assert!(plan::debit(&rich, AMOUNT_LIMIT).is_ok());
}

#[test]
fn no_balance_grows_above_the_limit() {
    let full = wallet("wal_a", BALANCE_LIMIT - 5);
    assert_eq!(code(plan::credit(&full, 5)), None);
    assert_eq!(code(plan::credit(&full, 6)), Some("balance_limit"));
    assert_eq!(code(plan::transfer(&wallet("wal_b", 6), &full, 6)), Some("balance_limit"));
    let holding = Wallet { held: 5, ..full };
    assert_eq!(code(plan::credit(&holding, 1)), Some("balance_limit"), "held money counts");
}
