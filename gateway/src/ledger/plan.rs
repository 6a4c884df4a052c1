//! The rules of moving money, pure: wallets as they are and an amount in, postings and lines out, or a refusal.
//!
//! Each function is one kind of movement. What it promises: the postings sum to zero, no wallet account falls below
//! zero, no balance grows above the limit, a frozen wallet gives nothing, a closed one neither gives nor takes.
//! The caller holds the write transaction in which the wallets were read, so they still are what they were.

use super::{AMOUNT_LIMIT, BALANCE_LIMIT, Refusal};

/// Why money moves; also the `type` of the lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of the contract")]
pub enum Kind {
    Credit,
    Debit,
    Transfer,
    PaymentHold,
    PaymentCapture,
    PaymentRelease,
    PaymentRefund,
}

impl Kind {
    /// The word of the contract.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Credit => "credit",
            Self::Debit => "debit",
            Self::Transfer => "transfer",
            Self::PaymentHold => "payment_hold",
            Self::PaymentCapture => "payment_capture",
            Self::PaymentRelease => "payment_release",
            Self::PaymentRefund => "payment_refund",
        }
    }
}

/// What may be done with a wallet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WalletStatus {
    /// Money may go in and out.
    Active,
    /// Money may come in only.
    Frozen,
    /// Empty for good.
    Closed,
}

impl WalletStatus {
    /// The word of the contract and of the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Frozen => "frozen",
            Self::Closed => "closed",
        }
    }

    /// Reads the word of the table.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Active, Self::Frozen, Self::Closed].into_iter().find(|status| status.as_str() == word)
    }
}

/// A wallet as the rules see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wallet {
    /// `wal_…`
    pub id: String,
    /// ISO 4217.
    pub currency: String,
    /// Whether money may move.
    pub status: WalletStatus,
    /// What can be spent, minor units.
    pub available: i64,
    /// What payments hold, minor units.
    pub held: i64,
}

impl Wallet {
    /// All its money.
    pub fn balance(&self) -> i64 {
        self.available.saturating_add(self.held)
    }

    fn takes(&self) -> Result<(), Refusal> {
        match self.status {
            WalletStatus::Closed => Err(Refusal::Closed { wallet: self.id.clone() }),
            WalletStatus::Active | WalletStatus::Frozen => Ok(()),
        }
    }

    fn gives(&self) -> Result<(), Refusal> {
        self.takes()?;
        match self.status {
            WalletStatus::Frozen => Err(Refusal::Frozen { wallet: self.id.clone() }),
            WalletStatus::Active | WalletStatus::Closed => Ok(()),
        }
    }

    fn insufficient(&self, amount: i64) -> Refusal {
        Refusal::InsufficientFunds { wallet: self.id.clone(), available: self.available, amount }
    }

    /// This wallet after both accounts changed, if that keeps the rules.
    fn after(&self, available: i64, held: i64, amount: i64) -> Result<Self, Refusal> {
        let limit = || Refusal::BalanceLimit { wallet: self.id.clone() };
        let next_available = self.available.checked_add(available).ok_or_else(limit)?;
        let next_held = self.held.checked_add(held).ok_or_else(limit)?;
        if next_available < 0 || next_held < 0 {
            return Err(self.insufficient(amount));
        }
        if next_available.checked_add(next_held).is_none_or(|balance| balance > BALANCE_LIMIT) {
            return Err(limit());
        }
        Ok(Self { available: next_available, held: next_held, ..self.clone() })
    }
}

/// One side of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posting {
    /// The account that changes.
    pub account: Account,
    /// By how much; never zero.
    pub amount: i64,
}

/// An account of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Account {
    /// What a wallet may spend.
    Available(String),
    /// What payments hold of a wallet.
    Held(String),
    /// Everything outside, one for each tenant and currency.
    World,
}

/// What the owner of a wallet sees of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The wallet.
    pub wallet_id: String,
    /// Why.
    pub kind: Kind,
    /// Signed, seen from this wallet.
    pub amount: i64,
    /// The whole balance afterwards.
    pub balance_after: i64,
    /// What is available afterwards.
    pub available_after: i64,
    /// The wallet on the other side, if there is one.
    pub counterpart: Option<String>,
}

impl Line {
    fn new(kind: Kind, after: &Wallet, amount: i64, counterpart: Option<&Wallet>) -> Self {
        Self {
            wallet_id: after.id.clone(),
            kind,
            amount,
            balance_after: after.balance(),
            available_after: after.available,
            counterpart: counterpart.map(|wallet| wallet.id.clone()),
        }
    }
}

/// A movement that keeps every rule, ready to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// What happens.
    pub kind: Kind,
    /// The currency of all postings.
    pub currency: String,
    /// They sum to zero.
    pub postings: Vec<Posting>,
    /// What owners see, in order.
    pub lines: Vec<Line>,
}

fn amount_in_range(amount: i64) -> Result<i64, Refusal> {
    if (1..=AMOUNT_LIMIT).contains(&amount) { Ok(amount) } else { Err(Refusal::Amount(amount)) }
}

fn available(wallet: &Wallet, amount: i64) -> Posting {
    Posting { account: Account::Available(wallet.id.clone()), amount }
}

fn held(wallet: &Wallet, amount: i64) -> Posting {
    Posting { account: Account::Held(wallet.id.clone()), amount }
}

fn world(amount: i64) -> Posting {
    Posting { account: Account::World, amount }
}

fn compatible(from: &Wallet, to: &Wallet) -> Result<(), Refusal> {
    if from.id == to.id {
        return Err(Refusal::SameWallet { wallet: from.id.clone() });
    }
    if from.currency != to.currency {
        return Err(Refusal::CurrencyMismatch { from: from.currency.clone(), to: to.currency.clone() });
    }
    Ok(())
}

/// Money comes in from outside.
pub fn credit(wallet: &Wallet, amount: i64) -> Result<Plan, Refusal> {
    let amount = amount_in_range(amount)?;
    wallet.takes()?;
    let after = wallet.after(amount, 0, amount)?;
    Ok(Plan {
        kind: Kind::Credit,
        currency: wallet.currency.clone(),
        postings: vec![world(-amount), available(wallet, amount)],
        lines: vec![Line::new(Kind::Credit, &after, amount, None)],
    })
}

/// Money goes outside.
pub fn debit(wallet: &Wallet, amount: i64) -> Result<Plan, Refusal> {
    let amount = amount_in_range(amount)?;
    wallet.gives()?;
    let after = wallet.after(-amount, 0, amount)?;
    Ok(Plan {
        kind: Kind::Debit,
        currency: wallet.currency.clone(),
        postings: vec![available(wallet, -amount), world(amount)],
        lines: vec![Line::new(Kind::Debit, &after, -amount, None)],
    })
}

/// Money moves between two wallets. The paying side's line comes first.
pub fn transfer(from: &Wallet, to: &Wallet, amount: i64) -> Result<Plan, Refusal> {
    let amount = amount_in_range(amount)?;
    compatible(from, to)?;
    from.gives()?;
    to.takes()?;
    let payer = from.after(-amount, 0, amount)?;
    let receiver = to.after(amount, 0, amount)?;
    Ok(Plan {
        kind: Kind::Transfer,
        currency: from.currency.clone(),
        postings: vec![available(from, -amount), available(to, amount)],
        lines: vec![
            Line::new(Kind::Transfer, &payer, -amount, Some(to)),
            Line::new(Kind::Transfer, &receiver, amount, Some(from)),
        ],
    })
}

/// A payment sets money of its payer aside. The destination, if it is a wallet, must be able to take it later.
pub fn hold(payer: &Wallet, destination: Option<&Wallet>, amount: i64) -> Result<Plan, Refusal> {
    let amount = amount_in_range(amount)?;
    if let Some(destination) = destination {
        compatible(payer, destination)?;
    }
    payer.gives()?;
    if let Some(destination) = destination {
        destination.takes()?;
    }
    let after = payer.after(-amount, amount, amount)?;
    Ok(Plan {
        kind: Kind::PaymentHold,
        currency: payer.currency.clone(),
        postings: vec![available(payer, -amount), held(payer, amount)],
        lines: vec![Line::new(Kind::PaymentHold, &after, -amount, destination)],
    })
}

/// `captured` of the `authorized` money that a payment holds goes to the destination (a wallet, or outside), the rest
/// back to the payer. A frozen payer does not stop it: the money was set aside before.
pub fn capture(
    payer: &Wallet,
    destination: Option<&Wallet>,
    authorized: i64,
    captured: i64,
) -> Result<Plan, Refusal> {
    let captured = amount_in_range(captured)?;
    let rest = authorized.checked_sub(captured).filter(|rest| *rest >= 0).ok_or(Refusal::Amount(captured))?;
    payer.takes()?;
    let paid = payer.after(0, -captured, captured)?;
    let mut postings = vec![held(payer, -authorized)];
    let mut lines = vec![Line::new(Kind::PaymentCapture, &paid, -captured, destination)];
    match destination {
        Some(destination) => {
            compatible(payer, destination)?;
            destination.takes()?;
            let receiver = destination.after(captured, 0, captured)?;
            postings.push(available(destination, captured));
            lines.push(Line::new(Kind::PaymentCapture, &receiver, captured, Some(payer)));
        }
        None => postings.push(world(captured)),
    }
    if rest > 0 {
        let released = paid.after(rest, -rest, rest)?;
        postings.push(available(payer, rest));
        lines.push(Line::new(Kind::PaymentRelease, &released, rest, None));
    }
    Ok(Plan { kind: Kind::PaymentCapture, currency: payer.currency.clone(), postings, lines })
}

/// A payment gives back all that it holds.
pub fn release(payer: &Wallet, authorized: i64) -> Result<Plan, Refusal> {
    let amount = amount_in_range(authorized)?;
    payer.takes()?;
    let after = payer.after(amount, -amount, amount)?;
    Ok(Plan {
        kind: Kind::PaymentRelease,
        currency: payer.currency.clone(),
        postings: vec![held(payer, -amount), available(payer, amount)],
        lines: vec![Line::new(Kind::PaymentRelease, &after, amount, None)],
    })
}

/// [`hold`] and [`capture`] of the whole in one entry. Its lines tell both steps, so that available and balance can each
/// be followed along the statement; its postings are what is left of both.
pub fn charge(payer: &Wallet, destination: Option<&Wallet>, amount: i64) -> Result<Plan, Refusal> {
    let Plan { lines: mut told, .. } = hold(payer, destination, amount)?;
    let holding = payer.after(-amount, amount, amount)?;
    let Plan { kind, currency, lines, .. } = capture(&holding, destination, amount, amount)?;
    told.extend(lines);
    let target = destination.map_or_else(|| world(amount), |destination| available(destination, amount));
    Ok(Plan { kind, currency, postings: vec![available(payer, -amount), target], lines: told })
}

/// Captured money goes back from the destination (a wallet, or outside) to the payer. A frozen payer does not stop it,
/// for money may come in; a frozen destination does.
pub fn refund(payer: &Wallet, destination: Option<&Wallet>, amount: i64) -> Result<Plan, Refusal> {
    let amount = amount_in_range(amount)?;
    payer.takes()?;
    let receiver = payer.after(amount, 0, amount)?;
    let (source, first) = match destination {
        Some(destination) => {
            compatible(destination, payer)?;
            destination.gives()?;
            let giver = destination.after(-amount, 0, amount)?;
            let line = Line::new(Kind::PaymentRefund, &giver, -amount, Some(payer));
            (available(destination, -amount), Some(line))
        }
        None => (world(-amount), None),
    };
    let mut lines: Vec<Line> = first.into_iter().collect();
    lines.push(Line::new(Kind::PaymentRefund, &receiver, amount, destination));
    Ok(Plan {
        kind: Kind::PaymentRefund,
        currency: payer.currency.clone(),
        postings: vec![source, available(payer, amount)],
        lines,
    })
}
