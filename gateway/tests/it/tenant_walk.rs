//! Every operation of the contract, for whoever must not have it: another tenant, each role that is too weak, and nobody. What is walked is what the contract says,
//! so an operation that is added is walked too.

use serde_json::Value;

use crate::http_walk::World;
use crate::support::contract::{Contract, Operation};
use crate::support::{App, Ask};

/// The operation with the contract's example, as nobody in particular. Permissions are looked at first, so what it names need not exist.
fn example(app: &App, contract: &Contract, operation: &Operation) -> Ask {
    let ask = app.ask(&operation.method, &contract.example_path(operation));
    match operation.request() {
        Some((_, body)) => ask.json(body.clone()),
        None => ask,
    }
}

/// Whether a role with these permissions may call what asks for this one.
fn covers(held: &[Value], permission: &str) -> bool {
    held.iter().filter_map(Value::as_str).any(|held| match held.strip_suffix('*') {
        Some(area) => permission.starts_with(area),
        None => held == permission,
    })
}

#[tokio::test]
async fn another_tenant_reaches_nothing_through_any_operation() {
    let (app, contract) = (App::start().await, Contract::read());
    let (mut walked, mut refused, mut blind) = (0, 0, 0);
    let mut wrong = Vec::new();
    // What has no end is told in `events`.
    let walked_through = |operation: &Operation| operation.is_guarded() && !operation.is_stream();
    for operation in contract.operations().into_iter().filter(walked_through) {
        let mut world = World::new(&app, operation.clone()).await;
        world.furnish().await;
        let ask = world.ask(&contract).await;
        let stranger = app.register().await;
        let mut theirs: Vec<String> = world.real.values().cloned().collect();
        theirs.extend([world.user.id().await, world.user.tenant_id().await, world.user.session_id.clone()]);
        let names_theirs = theirs.iter().any(|id| ask.names(id));
        let reply = ask.bearer(&stranger.access_token).send().await;
        walked += 1;
        match reply.status {
            403 | 404 => refused += 1,
            // What names nothing of the other tenant is about the stranger's own, and shows nothing else.
            200..300 if !names_theirs && !theirs.iter().any(|id| reply.text().contains(id)) => blind += 1,
            _ => wrong.push(format!("{}: {reply}", operation.id)),
        }
    }
    println!(
        "tenant walk: {walked} operations with another tenant's credentials: {refused} refused, {blind} show only the caller's own"
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(refused > 20 && walked == refused + blind, "{refused} of {walked} refused");
}

#[tokio::test]
async fn every_role_that_is_too_weak_is_refused_by_every_operation() {
    let (app, contract) = (App::start().await, Contract::read());
    let admin = app.register().await;
    let roles = admin.get("/v1/roles").send().await.expect(200).json();
    let (mut operations, mut refusals) = (0, 0);
    let mut weak = Vec::new();
    for role in roles["data"].as_array().unwrap() {
        let (name, held) = (role["name"].as_str().unwrap(), role["permissions"].as_array().unwrap().clone());
        weak.push((name.to_owned(), held, admin.colleague(name).await));
    }
    assert_eq!(weak.len(), 4, "the built-in roles");
    for operation in contract.operations() {
        let Some(permission) = operation.permission() else { continue };
        operations += 1;
        for (role, held, colleague) in &weak {
            if covers(held, permission) {
                continue;
            }
            let reply = example(&app, &contract, &operation).bearer(&colleague.access_token).send().await;
            assert_eq!(reply.status, 403, "{role} holds no {permission}: {reply}");
            refusals += 1;
        }
    }
    println!(
        "role walk: {operations} operations that name a permission, {refusals} refusals of roles without it"
    );
    assert!(operations > 20 && refusals > operations, "{refusals} refusals of {operations} operations");
}

#[tokio::test]
async fn nobody_is_refused_by_every_operation_that_asks_who_calls() {
    let (app, contract) = (App::start().await, Contract::read());
    let mut guarded = 0;
    for operation in contract.operations().iter().filter(|operation| operation.is_guarded()) {
        example(&app, &contract, operation).send().await.problem(401, "unauthenticated");
        guarded += 1;
    }
    println!(
        "walk without credentials: {guarded} of {} operations ask who calls",
        contract.operations().len()
    );
    assert!(guarded > 20, "{guarded}");
}
