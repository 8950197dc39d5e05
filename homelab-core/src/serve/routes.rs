//! The one router: what is asked for, and what is answered.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, extract};

use super::asker::{Asker, Askers, Refusal};
use super::{Shown, canonical, page, request};
use crate::error::{Error, ErrorKind};
use crate::lab::{Lab, Person};
use crate::observed::Observed;
use crate::tailnet::canonical_login;
use crate::tailnet::{Device, Role};
use crate::view::ServiceExplanationView;

/// Nothing is loaded but the page and its own style; no script, no frame, no form but to this server.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; \
                      frame-ancestors 'none'";

const HTML: &str = "text/html; charset=utf-8";
const JSON: &str = "application/json";

/// The role of instance.toml whose people may ask about services that they do not see.
const ADMIN: &str = "admin";

pub(super) struct State {
    pub(super) shown: Shown,
    pub(super) askers: Askers,
    pub(super) address: SocketAddr,
    pub(super) names: Vec<String>,
}

type Shared = extract::State<Arc<State>>;
type Who = Extension<Asker>;

/// Returns every route. Whoever is behind the layer is known: a route takes [`Asker`] and asks no more.
pub(super) fn router(state: State) -> Router {
    let state = Arc::new(state);
    Router::new()
        .route("/", get(portal))
        .route("/portal.json", get(portal_json))
        .route("/why", get(why))
        .route("/why.json", get(why_json))
        .route("/portal.css", get(style))
        .fallback(nothing)
        .layer(middleware::from_fn_with_state(Arc::clone(&state), guard))
        .with_state(state)
}

/// Lets through who is known, and asks under a name that is the server's; and says with each answer what a browser may do
/// with it.
async fn guard(extract::State(state): Shared, mut request: Request, next: Next) -> Response {
    // The connection says where it comes from, whatever its request says.
    let peer = request
        .extensions()
        .get::<ConnectInfo<SocketAddr>>()
        .map(|info| info.0);
    let mut response = match peer {
        Some(peer) => match admit(&state, peer, request.uri(), request.headers()).await {
            Ok(asker) => {
                request.extensions_mut().insert(asker);
                next.run(request).await
            }
            Err(response) => *response,
        },
        None => problem(StatusCode::INTERNAL_SERVER_ERROR, "who is asking is not known"),
    };
    let said: [(HeaderName, &str); 6] = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (header::VARY, "Tailscale-User-Login"),
    ];
    for (name, value) in said {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    let headers = response.headers_mut();
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

async fn admit(
    state: &State,
    peer: SocketAddr,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<Asker, Box<Response>> {
    let own = canonical(state.address).0;
    let (lab, seen) = state.shown.now();
    let mut names = state.names.clone();
    names.extend(own_names(&lab, &seen, own));
    if !request::is_ours(uri, headers, own, &names) {
        return Err(Box::new(problem(
            StatusCode::MISDIRECTED_REQUEST,
            "the request asks under a name that is not known to be this server's: call it by its address, or start it with \
             that name (`--name`)",
        )));
    }
    match state.askers.ask(peer, headers).await {
        Ok(asker) => Ok(asker),
        Err(Refusal::Forged(why)) => Err(Box::new(problem(StatusCode::FORBIDDEN, &why))),
        Err(Refusal::Unknown(why)) => Err(Box::new(problem(
            StatusCode::UNAUTHORIZED,
            &format!("who is asking is not known: {why}"),
        ))),
    }
}

/// The names that the machine's own device has in the tailnet: as it was seen, and as instance.toml has the device of the
/// address that the server listens on, or of the machine that was seen.
fn own_names(lab: &Lab, seen: &Observed, listening: IpAddr) -> Vec<String> {
    let status = seen.tailnet().map(|node| node.value().status());
    let own = status.and_then(|status| status.own());
    let tailnet = lab.instance().tailnet();
    let suffix = tailnet.and_then(|tailnet| tailnet.suffix());
    let is_own = |device: &&Device| {
        let addresses = device.addresses();
        addresses.contains(&listening)
            || own.is_some_and(|own| own.addresses().iter().any(|address| addresses.contains(address)))
    };
    let declared = tailnet.into_iter().flat_map(|tailnet| tailnet.devices());
    let declared = declared.map(|device| device.value()).find(is_own);
    let seen_name = own.and_then(|own| own.dns_name()).map(str::to_owned);
    let declared_name = declared.and_then(|device| match device.dns_name() {
        Some(name) => Some(name.to_owned()),
        None => Some(format!("{}.{}", device.name(), suffix?)),
    });
    let mut names = Vec::new();
    for name in seen_name.into_iter().chain(declared_name) {
        let whole = name.trim_end_matches('.').to_ascii_lowercase();
        names.extend(whole.split('.').next().map(str::to_owned));
        names.push(whole);
    }
    names
}

async fn portal(extract::State(state): Shared, Extension(asker): Who, uri: Uri) -> Response {
    let (lab, seen) = state.shown.now();
    let query = request::value(&uri, "q").unwrap_or_default();
    match lab.portal_of(asker.whom(), &seen) {
        Ok(portal) => page(page::portal(&lab_name(&lab), &portal, &query)),
        Err(error) => failed(&error),
    }
}

async fn portal_json(extract::State(state): Shared, Extension(asker): Who) -> Response {
    let (lab, seen) = state.shown.now();
    match lab.portal_of(asker.whom(), &seen) {
        Ok(portal) => json(&portal),
        Err(error) => failed(&error),
    }
}

async fn why(state: Shared, asker: Who, uri: Uri) -> Response {
    match explained(&state, &asker.0, &uri) {
        Ok((name, why)) => page(page::why(&name, &why)),
        Err(response) => *response,
    }
}

async fn why_json(state: Shared, asker: Who, uri: Uri) -> Response {
    match explained(&state, &asker.0, &uri) {
        Ok((_, why)) => json(&why),
        Err(response) => *response,
    }
}

/// Returns why whoever asks can reach the service of the query, or why not. What somebody does not see is not there for
/// them: only who administers learns that it is, and what stands between.
fn explained(
    state: &State,
    asker: &Asker,
    uri: &Uri,
) -> Result<(String, ServiceExplanationView), Box<Response>> {
    let Some(service) = request::value(uri, "service") else {
        let text = "say which service: `why?service=PROJECT/SERVICE`";
        return Err(Box::new(problem(StatusCode::BAD_REQUEST, text)));
    };
    let (lab, seen) = state.shown.now();
    let hidden = || problem(StatusCode::NOT_FOUND, "there is no such service in your portal");
    match lab.explain_to(asker.whom(), &service, &seen) {
        Ok(why) if administers(&lab, asker) => Ok((lab_name(&lab), why)),
        Ok(mut why) if why.by.is_some() => {
            only_theirs(&mut why);
            Ok((lab_name(&lab), why))
        }
        Ok(_) => Err(Box::new(hidden())),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Ambiguous) => {
            Err(Box::new(hidden()))
        }
        Err(error) => Err(Box::new(failed(&error))),
    }
}

/// Takes out what somebody does not have: the ways that are not theirs, and what comes near.
fn only_theirs(why: &mut ServiceExplanationView) {
    why.ways.retain(|way| way.allowed != Some(false));
    for way in &mut why.ways {
        way.explanations.retain(|one| one.allowed != Some(false));
        way.explanations.iter_mut().for_each(|one| one.misses.clear());
    }
}

fn administers(lab: &Lab, asker: &Asker) -> bool {
    let Asker::Login(login) = asker else {
        return false;
    };
    let login = canonical_login(login);
    let own = |person: &&Person| person.login().is_some_and(|own| canonical_login(own) == login);
    let mut people = lab.instance().people().values();
    people.find(own).is_some_and(|person| {
        let by_tailnet = matches!(person.tailnet_role(), Some(Role::Owner | Role::Admin));
        by_tailnet || person.roles().iter().any(|role| role.value().as_str() == ADMIN)
    })
}

async fn style() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        (header::CACHE_CONTROL, "private, max-age=86400"),
    ];
    (headers, page::STYLE).into_response()
}

async fn nothing() -> Response {
    problem(StatusCode::NOT_FOUND, "there is no such page")
}

fn lab_name(lab: &Lab) -> String {
    lab.name().to_string()
}

fn page(html: String) -> Response {
    ([(header::CONTENT_TYPE, HTML)], html).into_response()
}

fn json(record: &impl serde::Serialize) -> Response {
    match serde_json::to_string(record) {
        Ok(text) => ([(header::CONTENT_TYPE, JSON)], text).into_response(),
        Err(_) => problem(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the answer could not be written",
        ),
    }
}

/// What went wrong may hold places and names of the lab: whoever asks is told what it means for them, the rest is for those
/// who run it and look at the lab's findings.
fn failed(error: &Error) -> Response {
    match error.kind() {
        ErrorKind::NotFound if error.place().is_none() => problem(
            StatusCode::FORBIDDEN,
            "the lab does not know you, or names no policy of its tailnet",
        ),
        _ => problem(
            StatusCode::SERVICE_UNAVAILABLE,
            "the lab's policy cannot be evaluated: `audit` says why",
        ),
    }
}

fn problem(status: StatusCode, text: &str) -> Response {
    let headers = [(header::CONTENT_TYPE, HTML)];
    (status, headers, page::problem(text)).into_response()
}
