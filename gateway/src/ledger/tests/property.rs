//! Random sequences of operations on a model of the accounts: whatever is asked for, in whatever order, the books balance.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::plan::{self, Account, Plan, Wallet, WalletStatus};
use super::super::{AMOUNT_LIMIT, BALANCE_LIMIT, Refusal};

const WALLETS: usize = 4;

#[derive(Debug, Clone)]
enum Operation {
    Credit(usize, i64),
    Debit(usize, i64),
    Transfer(usize, usize, i64),
    Hold(usize, Option<usize>, i64),
    Charge(usize, Option<usize>, i64),
    Capture(usize, i64),
    Release(usize),
    Refund(usize, i64),
    Status(usize, WalletStatus),
}

fn operation() -> impl Strategy<Value = Operation> {
    let wallet = 0..WALLETS;
    let amount = prop_oneof![8 => 1i64..2_000, 1 => Just(AMOUNT_LIMIT), 1 => any::<i64>()];
    let status = prop_oneof![4 => Just(WalletStatus::Active), 1 => Just(WalletStatus::Frozen)];
    let other = proptest::option::of(0..WALLETS);
    prop_oneof![
        4 => (wallet.clone(), amount.clone()).prop_map(|(wallet, amount)| Operation::Credit(wallet, amount)),
        2 => (wallet.clone(), amount.clone()).prop_map(|(wallet, amount)| Operation::Debit(wallet, amount)),
        4 => (wallet.clone(), wallet.clone(), amount.clone()).prop_map(|(from, to, amount)| Operation::Transfer(from, to, amount)),
        3 => (wallet.clone(), other.clone(), amount.clone()).prop_map(|(from, to, amount)| Operation::Hold(from, to, amount)),
        2 => (wallet.clone(), other, amount.clone()).prop_map(|(from, to, amount)| Operation::Charge(from, to, amount)),
        2 => (0usize..8, amount.clone()).prop_map(|(payment, amount)| Operation::Capture(payment, amount)),
        1 => (0usize..8).prop_map(Operation::Release),
        2 => (0usize..8, amount).prop_map(|(payment, amount)| Operation::Refund(payment, amount)),
        1 => (wallet, status).prop_map(|(wallet, status)| Operation::Status(wallet, status)),
    ]
}

#[derive(Debug, Clone)]
struct Payment {
    payer: usize,
    destination: Option<usize>,
    authorized: i64,
    refundable: i64,
}

/// Wallets as postings made them, and what their owners were told.
struct Books {
    wallets: Vec<Wallet>,
    world: i64,
    payments: Vec<Payment>,
    told: BTreeMap<String, (i64, i64)>,
}

impl Books {
    fn new() -> Self {
        let wallets = (0..WALLETS)
            .map(|number| Wallet {
                id: format!("wal_{number}"),
                currency: "EUR".to_owned(),
                status: WalletStatus::Active,
                available: 0,
                held: 0,
            })
            .collect();
        Self { wallets, world: 0, payments: Vec::new(), told: BTreeMap::new() }
    }

    fn side(&self, wallet: Option<usize>) -> Option<&Wallet> {
        wallet.map(|wallet| &self.wallets[wallet])
    }

    /// Answers the plan that was carried out, if it was allowed.
    fn apply(&mut self, operation: Operation) -> Result<(), Refusal> {
        let plan = match &operation {
            Operation::Credit(wallet, amount) => plan::credit(&self.wallets[*wallet], *amount)?,
            Operation::Debit(wallet, amount) => plan::debit(&self.wallets[*wallet], *amount)?,
            Operation::Transfer(from, to, amount) => {
                plan::transfer(&self.wallets[*from], &self.wallets[*to], *amount)?
            }
            Operation::Hold(payer, destination, amount) => {
                let plan = plan::hold(&self.wallets[*payer], self.side(*destination), *amount)?;
                let payment =
                    Payment { payer: *payer, destination: *destination, authorized: *amount, refundable: 0 };
                self.payments.push(payment);
                plan
            }
            Operation::Charge(payer, destination, amount) => {
                let plan = plan::charge(&self.wallets[*payer], self.side(*destination), *amount)?;
                let payment =
                    Payment { payer: *payer, destination: *destination, authorized: 0, refundable: *amount };
                self.payments.push(payment);
                plan
            }
            Operation::Capture(number, amount) => {
                let Some(payment) = self.payments.get(*number).filter(|payment| payment.authorized > 0)
                else {
                    return Ok(());
                };
                let (payer, destination) = (&self.wallets[payment.payer], self.side(payment.destination));
                let plan = plan::capture(payer, destination, payment.authorized, *amount)?;
                self.payments[*number].authorized = 0;
                self.payments[*number].refundable = *amount;
                plan
            }
            Operation::Release(number) => {
                let Some(payment) = self.payments.get(*number).filter(|payment| payment.authorized > 0)
                else {
                    return Ok(());
                };
                let plan = plan::release(&self.wallets[payment.payer], payment.authorized)?;
                self.payments[*number].authorized = 0;
                plan
            }
            Operation::Refund(number, amount) => {
                let Some(payment) =
                    self.payments.get(*number).filter(|payment| payment.refundable >= *amount)
                else {
                    return Ok(());
                };
                let (payer, destination) = (&self.wallets[payment.payer], self.side(payment.destination));
                let plan = plan::refund(payer, destination, *amount)?;
                self.payments[*number].refundable -= *amount;
                plan
            }
            Operation::Status(wallet, status) => {
                self.wallets[*wallet].status = *status;
                return Ok(());
            }
        };
        self.post(&plan);
        Ok(())
    }

    fn post(&mut self, plan: &Plan) {
        assert_eq!(plan.postings.iter().map(|posting| posting.amount).sum::<i64>(), 0, "{plan:?}");
        for posting in &plan.postings {
            assert_ne!(posting.amount, 0, "{plan:?}");
            let find = |wallets: &mut Vec<Wallet>, id: &str| {
                wallets.iter().position(|wallet| wallet.id == id).expect("a wallet of the test")
            };
            match &posting.account {
                Account::Available(id) => {
                    let index = find(&mut self.wallets, id);
                    self.wallets[index].available += posting.amount;
                }
                Account::Held(id) => {
                    let index = find(&mut self.wallets, id);
                    self.wallets[index].held += posting.amount;
                }
                Account::World => self.world += posting.amount,
            }
        }
        for line in &plan.lines {
            self.told.insert(line.wallet_id.clone(), (line.balance_after, line.available_after));
        }
    }

    fn check(&self) {
        let total: i64 = self.wallets.iter().map(Wallet::balance).sum::<i64>() + self.world;
        assert_eq!(total, 0, "money was made or lost");
        for (number, wallet) in self.wallets.iter().enumerate() {
            assert!(wallet.available >= 0 && wallet.held >= 0, "{wallet:?}");
            assert!(wallet.balance() <= BALANCE_LIMIT, "{wallet:?}");
            let told = self.told.get(&wallet.id).copied().unwrap_or_default();
            assert_eq!(
                told,
                (wallet.balance(), wallet.available),
                "the newest line of {} is wrong",
                wallet.id
            );
            let holds: i64 = self
                .payments
                .iter()
                .filter(|payment| payment.payer == number)
                .map(|payment| payment.authorized)
                .sum();
            assert_eq!(wallet.held, holds, "{wallet:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_operations_keep_the_books_balanced(operations in proptest::collection::vec(operation(), 1..60)) {
        let mut books = Books::new();
        for operation in operations {
            let before: Vec<Wallet> = books.wallets.clone();
            let refused = books.apply(operation).is_err();
            if refused {
                prop_assert_eq!(&before, &books.wallets, "a refusal changed something");
            }
            books.check();
        }
    }
}
