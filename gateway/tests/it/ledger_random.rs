//! Random stories over HTTP, beside a model that is too simple to be wrong: the gateway and the model agree after each.

use serde_json::{Value, json};
use waypost_gateway::ledger;
use waypost_gateway::store::Durability;

use crate::support::{App, User};

const WALLETS: usize = 4;

/// xorshift64*: a seed tells the whole story again.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let word = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D);
        usize::try_from(word >> 33).unwrap() % bound
    }

    fn amount(&mut self) -> i64 {
        i64::try_from(1 + self.below(300)).unwrap()
    }
}

#[derive(Debug, Clone)]
struct Payment {
    id: String,
    payer: usize,
    destination: Option<usize>,
    held: i64,
    refundable: i64,
}

/// What the wallets should hold: (available, held).
#[derive(Debug)]
struct Model {
    wallets: [(i64, i64); WALLETS],
    payments: Vec<Payment>,
}

struct Story<'a> {
    user: User<'a>,
    ids: Vec<String>,
    random: Random,
    model: Model,
}

impl Story<'_> {
    /// Whether it went through; a refusal must be one of the rules and not a failure.
    async fn post(&self, path: String, body: Value) -> Option<Value> {
        let reply = self.user.post(&path).json(body).send().await;
        assert!(matches!(reply.status, 200 | 201 | 409 | 422), "{reply}");
        (reply.status < 300).then(|| reply.json())
    }

    async fn step(&mut self) {
        let (wallet, other, amount) =
            (self.random.below(WALLETS), self.random.below(WALLETS), self.random.amount());
        let id = self.ids[wallet].clone();
        match self.random.below(8) {
            0 | 1 => {
                let done = self.post(format!("/v1/wallets/{id}/credit"), json!({ "amount": amount })).await;
                assert!(done.is_some());
                self.model.wallets[wallet].0 += amount;
            }
            2 => {
                let done = self.post(format!("/v1/wallets/{id}/debit"), json!({ "amount": amount })).await;
                self.take(wallet, amount, done.is_some());
            }
            3 | 4 => {
                let body = json!({ "to_wallet_id": self.ids[other], "amount": amount });
                let done = self.post(format!("/v1/wallets/{id}/transfer"), body).await;
                if wallet == other {
                    assert!(done.is_none());
                } else if self.take(wallet, amount, done.is_some()) {
                    self.model.wallets[other].0 += amount;
                }
            }
            5 | 6 => self.pay(wallet, other, amount).await,
            _ => self.settle(amount).await,
        }
    }

    /// Takes the money out of the model's wallet, which must agree on whether there is enough.
    fn take(&mut self, wallet: usize, amount: i64, done: bool) -> bool {
        let available = &mut self.model.wallets[wallet].0;
        assert_eq!(done, *available >= amount, "{amount} of {available}");
        if done {
            *available -= amount;
        }
        done
    }

    async fn pay(&mut self, payer: usize, other: usize, amount: i64) {
        let destination = (payer != other).then_some(other);
        let automatic = self.random.below(2) == 0;
        let body = json!({
            "payer_wallet_id": self.ids[payer], "amount": amount, "currency": "EUR",
            "capture_method": if automatic { "automatic" } else { "manual" },
            "destination": match destination {
                Some(wallet) => json!({ "type": "wallet", "wallet_id": self.ids[wallet] }),
                None => json!({ "type": "external", "reference": "INV-1" }),
            },
        });
        let answer = self.post("/v1/payments".to_owned(), body).await;
        if !self.take(payer, amount, answer.is_some()) {
            return;
        }
        let id = answer.unwrap()["id"].as_str().unwrap().to_owned();
        let mut payment = Payment { id, payer, destination, held: amount, refundable: 0 };
        if automatic {
            (payment.held, payment.refundable) = (0, amount);
            self.arrive(destination, amount);
        } else {
            self.model.wallets[payer].1 += amount;
        }
        self.model.payments.push(payment);
    }

    fn arrive(&mut self, destination: Option<usize>, amount: i64) {
        if let Some(wallet) = destination {
            self.model.wallets[wallet].0 += amount;
        }
    }

    /// Captures, cancels or refunds a payment, whichever it is.
    async fn settle(&mut self, amount: i64) {
        if self.model.payments.is_empty() {
            return;
        }
        let index = self.random.below(self.model.payments.len());
        let payment = self.model.payments[index].clone();
        let path = |verb: &str| format!("/v1/payments/{}/{verb}", payment.id);
        match self.random.below(3) {
            0 => {
                let done = self.post(path("capture"), json!({ "amount": amount })).await.is_some();
                assert_eq!(done, amount <= payment.held);
                if done {
                    self.model.wallets[payment.payer].1 -= payment.held;
                    self.model.wallets[payment.payer].0 += payment.held - amount;
                    self.arrive(payment.destination, amount);
                    (self.model.payments[index].held, self.model.payments[index].refundable) = (0, amount);
                }
            }
            1 => {
                let done = self.post(path("cancel"), json!({})).await.is_some();
                assert_eq!(done, payment.held > 0);
                if done {
                    self.model.wallets[payment.payer].1 -= payment.held;
                    self.model.wallets[payment.payer].0 += payment.held;
                    self.model.payments[index].held = 0;
                }
            }
            _ => {
                let done = self.post(path("refund"), json!({ "amount": amount })).await.is_some();
                let enough = payment.destination.is_none_or(|wallet| self.model.wallets[wallet].0 >= amount);
                assert_eq!(done, amount <= payment.refundable && enough);
                if done {
                    self.arrive(payment.destination, -amount);
                    self.model.wallets[payment.payer].0 += amount;
                    self.model.payments[index].refundable -= amount;
                }
            }
        }
    }

    async fn check(&self) {
        for (id, (available, held)) in self.ids.iter().zip(self.model.wallets) {
            let wallet = self.user.get(&format!("/v1/wallets/{id}")).send().await.expect(200).json();
            assert_eq!(
                (wallet["available"].as_i64(), wallet["held"].as_i64()),
                (Some(available), Some(held))
            );
        }
    }
}

#[tokio::test]
async fn random_stories_end_as_the_model_says_and_the_books_balance() {
    // What survives a power cut is not the question here.
    let app = App::start_with(|config| config.database.durability = Durability::Normal).await;
    for seed in [1, 0x9E37_79B9_7F4A_7C15, 0xDEAD_BEEF] {
        let user = app.register().await;
        let mut ids = Vec::new();
        for _ in 0..WALLETS {
            ids.push(user.wallet("EUR").await);
        }
        let model = Model { wallets: [(0, 0); WALLETS], payments: Vec::new() };
        let mut story = Story { user, ids, random: Random(seed), model };
        for step in 0..120 {
            story.step().await;
            if step % 10 == 0 {
                story.check().await;
            }
        }
        story.check().await;
        let report = ledger::verify(app.gateway.store()).await.unwrap();
        assert!(report.is_balanced(), "seed {seed}: {:#?}", report.discrepancies);
    }
}
