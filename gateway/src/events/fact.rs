//! What the platform tells of: for each type its data, checked by the compiler, and what it is about.

use waypost_types::{
    AuditType, Breaker, Claim, ConfigChange, Medcard, Payment, SecurityChange, Transaction, Transfer, Wallet,
};

/// What an event's data is about: its subject.
trait About {
    fn about(&self) -> &str;
}

impl About for Wallet {
    fn about(&self) -> &str {
        &self.id
    }
}

impl About for Transaction {
    fn about(&self) -> &str {
        &self.wallet_id
    }
}

impl About for Transfer {
    /// The wallet that paid.
    fn about(&self) -> &str {
        &self.debit.wallet_id
    }
}

impl About for Payment {
    fn about(&self) -> &str {
        &self.id
    }
}

impl About for Medcard {
    fn about(&self) -> &str {
        &self.id
    }
}

impl About for Claim {
    fn about(&self) -> &str {
        &self.id
    }
}

impl About for SecurityChange {
    fn about(&self) -> &str {
        &self.subject_id
    }
}

impl About for ConfigChange {
    fn about(&self) -> &str {
        self.name.as_deref().unwrap_or("config")
    }
}

impl About for Breaker {
    fn about(&self) -> &str {
        &self.name
    }
}

/// A type of the platform's events, as `events_types` lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) name: &'static str,
    pub(super) schema: &'static str,
    pub(super) description: &'static str,
}

macro_rules! facts {
    ($($fact:ident($data:ty) = $name:literal, $schema:literal, $description:literal;)*) => {
        /// Something that happened on the platform, with what it tells.
        #[derive(Debug, Clone, Copy)]
        pub(crate) enum Fact<'a> {
            $(#[doc = $description] $fact(&'a $data),)*
        }

        /// Every type of the platform's, in the order of the contract.
        pub(super) const KINDS: &[Kind] =
            &[$(Kind { name: $name, schema: $schema, description: $description },)*];

        impl Fact<'_> {
            /// The type.
            pub(super) fn kind(&self) -> &'static str {
                match self {
                    $(Self::$fact(_) => $name,)*
                }
            }

            /// What it is about.
            pub(super) fn subject(&self) -> &str {
                match self {
                    $(Self::$fact(data) => data.about(),)*
                }
            }

            /// What it tells, as JSON.
            pub(super) fn data(&self) -> serde_json::Result<String> {
                match self {
                    $(Self::$fact(data) => serde_json::to_string(data),)*
                }
            }
        }
    };
}

facts! {
    WalletCreated(Wallet) = "wallet.created", "WalletCreatedEvent", "A wallet was opened.";
    WalletCredited(Transaction) = "wallet.credited", "WalletCreditedEvent", "Money came into a wallet from outside.";
    WalletDebited(Transaction) = "wallet.debited", "WalletDebitedEvent", "Money left a wallet to outside.";
    WalletTransferred(Transfer) = "wallet.transferred", "WalletTransferredEvent", "Money went from one wallet to another. The subject is the wallet that paid.";
    WalletFrozen(Wallet) = "wallet.frozen", "WalletFrozenEvent", "A wallet was frozen.";
    WalletUnfrozen(Wallet) = "wallet.unfrozen", "WalletUnfrozenEvent", "A frozen wallet was made active again.";
    WalletClosed(Wallet) = "wallet.closed", "WalletClosedEvent", "A wallet was closed for good.";
    PaymentCreated(Payment) = "payment.created", "PaymentCreatedEvent", "A payment was authorized.";
    PaymentCaptured(Payment) = "payment.captured", "PaymentCapturedEvent", "Money of a payment was taken for its destination, in the same step that made it or later.";
    PaymentCanceled(Payment) = "payment.canceled", "PaymentCanceledEvent", "A payment was canceled; the held money is the payer's again.";
    PaymentRefunded(Payment) = "payment.refunded", "PaymentRefundedEvent", "Money of a payment went back to the payer, all or a part.";
    MedcardIssued(Medcard) = "medcard.issued", "MedcardIssuedEvent", "A medical card was issued.";
    MedcardStatusChanged(Medcard) = "medcard.status_changed", "MedcardStatusChangedEvent", "A medical card was suspended, made active again, or revoked.";
    ClaimSubmitted(Claim) = "claim.submitted", "ClaimSubmittedEvent", "A claim was submitted.";
    ClaimApproved(Claim) = "claim.approved", "ClaimApprovedEvent", "A claim was approved, and paid out if it names a wallet.";
    ClaimRejected(Claim) = "claim.rejected", "ClaimRejectedEvent", "A claim was rejected.";
    AuthRegistered(SecurityChange) = "auth.registered", "AuthRegisteredEvent", "Somebody registered, with a tenant of their own.";
    AuthSignedIn(SecurityChange) = "auth.signed_in", "AuthSignedInEvent", "A user signed in.";
    AuthSignedOut(SecurityChange) = "auth.signed_out", "AuthSignedOutEvent", "A user signed out.";
    AuthPasswordChanged(SecurityChange) = "auth.password_changed", "AuthPasswordChangedEvent", "A user changed the password.";
    AuthTokenReused(SecurityChange) = "auth.token_reused", "AuthTokenReusedEvent", "A refresh token came back that was used before; its session was ended.";
    AuthSessionRevoked(SecurityChange) = "auth.session_revoked", "AuthSessionRevokedEvent", "A session was ended by its user.";
    AuthIdentityLinked(SecurityChange) = "auth.identity_linked", "AuthIdentityLinkedEvent", "An account at a provider was linked to a user.";
    AuthIdentityUnlinked(SecurityChange) = "auth.identity_unlinked", "AuthIdentityUnlinkedEvent", "An account at a provider was unlinked from a user.";
    KeyCreated(SecurityChange) = "key.created", "KeyCreatedEvent", "An API key was made.";
    KeyRotated(SecurityChange) = "key.rotated", "KeyRotatedEvent", "An API key got a new secret.";
    KeyRevoked(SecurityChange) = "key.revoked", "KeyRevokedEvent", "An API key was revoked.";
    ServiceTokenCreated(SecurityChange) = "service_token.created", "ServiceTokenCreatedEvent", "A service token was made.";
    ServiceTokenRevoked(SecurityChange) = "service_token.revoked", "ServiceTokenRevokedEvent", "A service token was revoked.";
    RoleChanged(SecurityChange) = "role.changed", "RoleChangedEvent", "A role of the tenant was made or changed.";
    UserRolesChanged(SecurityChange) = "user.roles_changed", "UserRolesChangedEvent", "A user was given other roles.";
    UserInvited(SecurityChange) = "user.invited", "UserInvitedEvent", "Somebody was invited to the tenant.";
    UserRemoved(SecurityChange) = "user.removed", "UserRemovedEvent", "A user was taken out of the tenant.";
    TenantCreated(SecurityChange) = "tenant.created", "TenantCreatedEvent", "The tenant made another tenant.";
    TenantUpdated(SecurityChange) = "tenant.updated", "TenantUpdatedEvent", "A tenant was changed.";
    ServiceChanged(ConfigChange) = "service.changed", "ServiceChangedEvent", "A service of the data plane was made, changed or removed. For the tenant of those who run the gateway.";
    RouteChanged(ConfigChange) = "route.changed", "RouteChangedEvent", "A route of the data plane was made, changed or removed. For the tenant of those who run the gateway.";
    LimitChanged(ConfigChange) = "limit.changed", "LimitChangedEvent", "The rate limits of a tier were changed. For the tenant of those who run the gateway.";
    ConfigChanged(ConfigChange) = "config.changed", "ConfigChangedEvent", "The configuration of the data plane was replaced as a whole. For the tenant of those who run the gateway.";
    BreakerOpened(Breaker) = "breaker.opened", "BreakerOpenedEvent", "A breaker was opened by hand. For the tenant of those who run the gateway.";
    BreakerReset(Breaker) = "breaker.reset", "BreakerResetEvent", "A breaker was closed by hand. For the tenant of those who run the gateway.";
}

impl<'a> Fact<'a> {
    /// What the audit trail records, where it is an event as well.
    pub(crate) fn of_audit(kind: &AuditType, change: &'a SecurityChange) -> Option<Self> {
        Some(match kind {
            AuditType::Registered => Self::AuthRegistered(change),
            AuditType::SignedIn => Self::AuthSignedIn(change),
            AuditType::SignedOut => Self::AuthSignedOut(change),
            AuditType::PasswordChanged => Self::AuthPasswordChanged(change),
            AuditType::RefreshTokenReused => Self::AuthTokenReused(change),
            AuditType::SessionRevoked => Self::AuthSessionRevoked(change),
            AuditType::ApiKeyCreated => Self::KeyCreated(change),
            AuditType::ApiKeyRotated => Self::KeyRotated(change),
            AuditType::ApiKeyRevoked => Self::KeyRevoked(change),
            AuditType::ServiceTokenCreated => Self::ServiceTokenCreated(change),
            AuditType::ServiceTokenRevoked => Self::ServiceTokenRevoked(change),
            AuditType::RoleChanged => Self::RoleChanged(change),
            AuditType::UserRolesChanged => Self::UserRolesChanged(change),
            AuditType::UserInvited => Self::UserInvited(change),
            AuditType::UserRemoved => Self::UserRemoved(change),
            AuditType::IdentityLinked => Self::AuthIdentityLinked(change),
            AuditType::IdentityUnlinked => Self::AuthIdentityUnlinked(change),
            AuditType::TenantCreated => Self::TenantCreated(change),
            AuditType::TenantUpdated => Self::TenantUpdated(change),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_one_of_the_contract_and_says_there_what_it_says_here() {
        let schemas: serde_json::Value =
            serde_json::from_str(include_str!("../generated/schemas.json")).unwrap();
        let contract = include_str!("../generated/docs/openapi.yaml");
        let tags = schemas["$defs"]["Event"]["properties"]["type"]["enum"].as_array();
        for (index, kind) in KINDS.iter().enumerate() {
            if let Some(tags) = tags {
                assert_eq!(tags[index], kind.name);
                assert_eq!(tags.len(), KINDS.len());
            }
            assert!(
                contract.contains(&format!("{}: '#/components/schemas/{}'", kind.name, kind.schema)),
                "{kind:?}"
            );
            let described = kind.description.replace('\'', "''");
            assert!(contract.contains(&described), "{kind:?}");
        }
    }

    #[test]
    fn a_type_begins_with_an_area_that_nobody_else_may_use() {
        for kind in KINDS {
            assert!(super::super::rules::is_reserved(kind.name), "{kind:?}");
        }
    }
}
