//! The generator's output for somebody else's spec runs on this crate: its resources on the client, progenitor's client by itself.

use waypost::ErrorKind;

use crate::petshop_client::Client as Progenitor;
use crate::resources::Resources;
use crate::support::client::Kind;
use crate::support::server::{Act, Server, answer, json};
use crate::types::patch::Patch;
use crate::types::{PetChange, Species, params};

fn pet(id: u32) -> String {
    format!(r#"{{"id":{id},"name":"Tom","species":"cat","born":"2024-05-01","keeper":null}}"#)
}

#[tokio::test]
async fn a_list_is_walked_over_its_pages_with_its_parameters() {
    let first = format!(r#"{{"pets":[{}],"next":"c2","more":true}}"#, pet(1));
    let second = format!(r#"{{"pets":[{}],"more":false}}"#, pet(2));
    let server = Server::start([json(200, &first), json(200, &second)]).await;
    let client = Kind::Hyper.client(&format!("{}/api/", server.url()));
    let params =
        params::PetsListParams::new("main street").with_species(vec![Species::Cat, Species::GuineaPig]);
    let pets = client.pets().list(&params).items().collect().await.unwrap();
    assert_eq!(pets.iter().map(|pet| pet.id).collect::<Vec<_>>(), [1, 2]);
    let requests = server.requests();
    assert_eq!(requests[0].target, "/api/pets?species=cat&species=guinea-pig");
    assert_eq!(requests[1].target, "/api/pets?after=c2&species=cat&species=guinea-pig");
    assert!(requests.iter().all(|request| request.header("x-shop") == Some("main street")));
}

#[tokio::test]
async fn a_change_sends_null_and_leaves_out_what_stays() {
    let server = Server::start([json(200, &pet(1))]).await;
    let client = Kind::Reqwest.client(&server.url());
    let body = PetChange::new().with_keeper(Patch::Null).with_weight(Patch::Value(4.5));
    client.pets().update(1, &body).await.unwrap();
    let request = server.requests().remove(0);
    assert_eq!((request.method.as_str(), request.target.as_str()), ("PATCH", "/pets/1"));
    assert_eq!(request.body, br#"{"keeper":null,"weight":4.5}"#);
}

#[tokio::test]
async fn bytes_go_up_and_come_down() {
    let png = || Act::Answer(answer(200, &[("content-type", "image/png")], b"\x89PNG"));
    let server = Server::start([Act::Answer(answer(204, &[], b"")), png()]).await;
    let client = Kind::Hyper.client(&server.url());
    client.pets().set_photo(1, b"\x89PNG".to_vec()).await.unwrap();
    let photo = client.pets().photo(1).await.unwrap().bytes().await.unwrap();
    assert_eq!(photo.as_ref(), b"\x89PNG");
    let requests = server.requests();
    assert_eq!(requests[0].header("content-type"), Some("application/octet-stream"));
    assert_eq!(requests[1].header("accept"), Some("image/png"));
}

#[tokio::test]
async fn an_operation_that_is_never_retried_is_sent_once() {
    let server = Server::start([Act::Reset(vec![]), json(201, &pet(1))]).await;
    let client = Kind::Reqwest.client(&server.url());
    let error = client.pets().create(&crate::types::NewPet::new("Tom", Species::Cat)).await.unwrap_err();
    assert_eq!((error.kind(), server.requests().len()), (ErrorKind::Connection, 1));
}

#[tokio::test]
async fn progenitors_client_needs_nothing_of_this_crate() {
    let server = Server::start([json(200, &pet(7))]).await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let pet = Progenitor::new_with_client(&server.url(), http).pets_get(7).await.unwrap();
    assert_eq!((pet.id, server.requests()[0].target.as_str()), (7, "/pets/7"));
}

#[tokio::test]
async fn a_page_whose_members_are_null_or_absent_ends_the_list() {
    let server = Server::start([
        json(200, r#"{"cages":["a"],"next":"c2","more":true}"#),
        json(200, r#"{"cages":null,"next":null,"more":null}"#),
    ])
    .await;
    let client = Kind::Reqwest.client(&server.url());
    let cages = client.pets().cages("a", "b", "c", &params::PetsCagesParams::default()).items();
    assert_eq!(cages.collect().await.unwrap(), ["a"]);
    assert_eq!(server.requests()[0].target, "/cages/a/b/c");
}
