//! Proxies that are told by files where they lead.

use super::*;
use crate::access::GuardKind;

/// A machine to which the router hands one port.
const FORWARDED: &str = "[hosts.nas]
addresses = ['192.168.1.10']
public_addresses = []
forwards = [{ port = 443 }]
";

const CADDYFILE: &str = "a.example.com {\n  reverse_proxy web:80\n}\n";
const SERVER: &str = "server { listen 443 ssl; location / { proxy_pass http://web:80; } }\n";

/// A lab of a proxy behind the forwarded port, with these settings, and what it may lead to.
fn proxied(settings: &str, files: &[(&str, &str)]) -> Lab {
    let compose = format!(
        "services:
  proxy: {{ ports: ['443:443'], {settings} }}
  web: {{ image: httpd }}
  other: {{ image: httpd }}
configs: {{ inline: {{ content: \"a {{\\n reverse_proxy web:80\\n}}\\n\" }}, file: {{ file: ./Caddyfile }} }}
volumes: {{ vol: {{}} }}
"
    );
    let mut all = vec![("p/compose.yaml", compose.as_str()), ("instance.toml", FORWARDED)];
    all.extend(files);
    lab(&all)
}

#[track_caller]
fn leads(settings: &str, files: &[(&str, &str)]) {
    let lab = proxied(settings, files);
    check(
        settings,
        &lab,
        &[("web", Internet, Internet), ("other", Host, Host)],
    );
}

#[track_caller]
fn may_lead_anywhere(settings: &str, files: &[(&str, &str)]) {
    let lab = proxied(settings, files);
    check(
        settings,
        &lab,
        &[("web", Host, Internet), ("other", Host, Internet)],
    );
}

#[track_caller]
fn leads_nowhere(settings: &str, files: &[(&str, &str)]) {
    check(
        settings,
        &proxied(settings, files),
        &[("web", Host, Host), ("other", Host, Host)],
    );
}

#[test]
fn what_a_caddyfile_imports_is_part_of_it() {
    let caddy = |volumes: &str| format!("image: 'caddy:2', volumes: [{volumes}]");
    let sites = [
        ("p/Caddyfile", "import sites/*\n"),
        ("p/sites/a.caddy", CADDYFILE),
    ];
    let both = "'./Caddyfile:/etc/caddy/Caddyfile', './sites:/etc/caddy/sites'";
    leads(&caddy(both), &sites);
    leads(&caddy("'./:/etc/caddy'"), &sites);
    may_lead_anywhere(
        &caddy("'./Caddyfile:/etc/caddy/Caddyfile', 'vol:/etc/caddy/sites'"),
        &sites,
    );
    may_lead_anywhere(
        &caddy("'./Caddyfile:/etc/caddy/Caddyfile', '/srv/sites:/etc/caddy/sites'"),
        &sites,
    );
    may_lead_anywhere(&caddy("'vol:/etc/caddy'"), &sites);
    // Nothing is there in Caddy's own image.
    leads_nowhere(&caddy("'./Caddyfile:/etc/caddy/Caddyfile'"), &sites);
    may_lead_anywhere("build: ., volumes: ['./Caddyfile:/etc/caddy/Caddyfile']", &sites);
    leads_nowhere(&caddy("'vol:/data', 'vol:/config'"), &[]);
    let snippet = "(to) {\n reverse_proxy {args[0]}\n}\na {\n import to web:80\n}\n";
    leads(&caddy(both), &[("p/Caddyfile", snippet)]);
    let circle = "(a) {\n import b\n}\n(b) {\n import a\n}\nx {\n import a\n}\n";
    may_lead_anywhere(&caddy(both), &[("p/Caddyfile", circle)]);
}

#[test]
fn a_caddyfile_is_understood_as_far_as_it_can_be() {
    let mount = "volumes: ['./Caddyfile:/etc/caddy/Caddyfile']";
    let caddy = |more: &str| format!("image: 'caddy:2', {mount}{more}");
    for text in [
        CADDYFILE,
        "a { reverse_proxy /x/* web }",
        "a {\n reverse_proxy @m {\n  to web:80\n }\n}",
        "a {\n reverse_proxy {\n  dynamic a web 80\n }\n}",
        "a {\n reverse_proxy {\n  dynamic a {\n   name web\n   port 80\n  }\n }\n}",
        "{\n layer4 {\n  :443 {\n   route {\n    proxy web:22\n   }\n  }\n }\n}",
        "{\n layer4 {\n  :443 {\n   route {\n    proxy {\n     upstream web:22\n    }\n   }\n  }\n }\n}",
        "a {\n php_fastcgi web:9000\n}",
        "a {\n reverse_proxy {$UP:web:80}\n}",
        "a {\n reverse_proxy \"h2c://web:80\"\n}",
    ] {
        leads(&caddy(""), &[("p/Caddyfile", text)]);
    }
    leads(
        &caddy(", environment: { UP: 'web:80' }"),
        &[("p/Caddyfile", "a {\n reverse_proxy {env.UP}\n}")],
    );
    for text in [
        "a {\n reverse_proxy {$UP}\n}",
        "a {\n reverse_proxy {labels.1}:80\n}",
        "a {\n reverse_proxy {\n  dynamic srv _a._tcp.example.com\n }\n}",
        "a {\n reverse_proxy nobody:80\n}",
        "import {$X}\n",
        "a {\n",
    ] {
        may_lead_anywhere(&caddy(""), &[("p/Caddyfile", text)]);
    }
    leads_nowhere(
        &caddy(""),
        &[(
            "p/Caddyfile",
            "a {\n reverse_proxy git.example.com\n file_server\n}",
        )],
    );
    let json = r#"{"apps":{"http":{"servers":{"s":{"routes":[{"handle":[{"handler":"reverse_proxy","upstreams":[{"dial":"web:80"}]}]}]}}}}}"#;
    leads(
        "image: 'caddy:2', command: [caddy, run, --config, /c.json], volumes: ['./c.json:/c.json']",
        &[("p/c.json", json)],
    );
}

#[test]
fn a_config_of_the_compose_file_is_a_file_too() {
    leads(
        "image: 'caddy:2', configs: [{ source: inline, target: /etc/caddy/Caddyfile }]",
        &[],
    );
    let file = "image: 'caddy:2', configs: [{ source: file, target: /etc/caddy/Caddyfile }]";
    leads(file, &[("p/Caddyfile", CADDYFILE)]);
    may_lead_anywhere(file, &[]);
    // What it holds is never shown: it has the values of variables.
    let compose = "services:
  proxy: { image: 'caddy:2', ports: ['80:80'], configs: [{ source: c, target: /etc/caddy/Caddyfile }] }
  web: { image: a }
configs:
  c:
    content: |
      a {
        reverse_proxy web:80 # ${SECRET}
      }
";
    let lab = lab(&[("p/compose.yaml", compose), ("p/.env", "SECRET=hunter2\n")]);
    check("inline", &lab, &[("web", Lan, Internet)]);
    let path = exposure(&lab, "web").paths()[0].clone();
    let place = path.evidence()[0].place().expect("a place").clone();
    assert!(!place.source().text().contains("hunter2"));
    assert_eq!(place.source().name(), "p/compose.yaml");
}

#[test]
fn what_is_mounted_says_what_an_image_of_ones_own_is() {
    leads(
        "build: ., volumes: ['./Caddyfile:/etc/caddy/Caddyfile']",
        &[("p/Caddyfile", CADDYFILE)],
    );
    leads(
        "build: ., volumes: ['./c.conf:/etc/nginx/conf.d/default.conf']",
        &[("p/c.conf", SERVER)],
    );
    leads(
        "image: 'lab.example/mine', volumes: ['./n.conf:/etc/nginx/nginx.conf']",
        &[("p/n.conf", SERVER)],
    );
    may_lead_anywhere("build: ., volumes: ['vol:/etc/nginx/conf.d']", &[]);
    leads_nowhere(
        "build: ., volumes: ['./www:/usr/share/nginx/html', './log:/var/log/nginx']",
        &[("p/www/x.conf", SERVER)],
    );
    let traefik = "build: ., command: ['--providers.file.filename=/etc/traefik/d.yml', '--entrypoints.web.address=:443'], \
                   volumes: ['./d.yml:/etc/traefik/d.yml']";
    let route = "http:\n  routers:\n    a: { rule: Host(`a`), service: a }\n  services:\n    a: { loadBalancer: { servers: [{ url: 'http://web:80' }] } }\n";
    let lab = proxied(traefik, &[("p/d.yml", route)]);
    check(
        "a Traefik of one's own",
        &lab,
        &[("web", Internet, Internet), ("other", Host, Internet)],
    );
}

#[test]
fn nginx_passes_on_in_many_words() {
    let nginx = "image: 'nginx:1', volumes: ['./c.conf:/etc/nginx/conf.d/default.conf']";
    let server = |text: &str| format!("server {{ listen 443; location / {{ {text} }} }}\n");
    for text in [
        "grpc_pass grpc://web:80;",
        "fastcgi_pass web:9000;",
        "uwsgi_pass web:80;",
        "scgi_pass web:80;",
        "set $up web; proxy_pass http://$up:80$request_uri;",
        "set $up web; set $port 80; if ($x) { proxy_pass http://${up}:$port; }",
        "proxy_pass http://web;",
        "\n  proxy_pass\n    http://web:80; # yes\n",
    ] {
        leads(nginx, &[("p/c.conf", &server(text))]);
    }
    leads(
        "image: 'nginx:1', volumes: ['./n.conf:/etc/nginx/nginx.conf']",
        &[("p/n.conf", "stream { server { listen 443; proxy_pass web:22; } }")],
    );
    let block = "upstream up { server web; keepalive 4; }\nserver { location / { proxy_pass http://up/x; } }";
    leads(nginx, &[("p/c.conf", block)]);
    for text in [
        "proxy_pass http://$up:80;",
        "proxy_pass http://nobody:80;",
        "content_by_lua_block { ngx.exec('web') }",
        "proxy_pass http://unix:/run/app.sock;",
        "include /etc/nginx/more/*.conf; proxy_pass",
    ] {
        let hidden = format!("{nginx}, working_dir: /");
        let hidden = hidden.replace("default.conf']", "default.conf', 'vol:/etc/nginx/more']");
        may_lead_anywhere(&hidden, &[("p/c.conf", &server(text))]);
    }
    leads_nowhere(
        nginx,
        &[(
            "p/c.conf",
            &server("include fastcgi_params; root /srv; # proxy_pass http://web:80;\n"),
        )],
    );
    leads(
        "image: 'nginx:1', environment: { UP: web }, volumes: ['./t:/etc/nginx/templates']",
        &[(
            "p/t/default.conf.template",
            &server("proxy_pass http://${UP}:80;"),
        )],
    );
    leads(
        "image: 'nginx:1', volumes: ['./n.conf:/etc/nginx/nginx.conf', './sites:/etc/nginx/my-sites']",
        &[
            ("p/n.conf", "http { include my-sites/*.conf; }"),
            ("p/sites/a.conf", &server("proxy_pass http://web:80;")),
            ("p/sites/b.conf.off", &server("proxy_pass http://other:80;")),
        ],
    );
}

#[test]
fn others_are_told_in_their_own_words() {
    let httpd = "image: 'httpd:2', volumes: ['./h.conf:/usr/local/apache2/conf/httpd.conf']";
    for text in [
        "ProxyPass / http://web:80/\n",
        "<Location /x>\n  proxypass \"http://web:80/\"\n</Location>\n",
        "RewriteRule ^/(.*) http://web:80/$1 [P,L]\n",
        "<Proxy balancer://b>\n BalancerMember http://web:80\n</Proxy>\nProxyPass / balancer://b/\n",
        "SetHandler \"proxy:fcgi://web:9000\"\n",
    ] {
        leads(httpd, &[("p/h.conf", text)]);
    }
    may_lead_anywhere(httpd, &[("p/h.conf", "ProxyPass / http://${UP}/\n")]);
    leads_nowhere(
        httpd,
        &[(
            "p/h.conf",
            "ProxyPass /x !\nRewriteRule ^ https://web/ [R]\n# ProxyPass / http://web:80/\n",
        )],
    );
    leads(
        "image: 'haproxy:3', volumes: ['./h.cfg:/usr/local/etc/haproxy/haproxy.cfg']",
        &[("p/h.cfg", "backend b\n  server s web:80 check\n")],
    );
    leads(
        "image: 'varnish:7', environment: { VARNISH_BACKEND_HOST: web, VARNISH_BACKEND_PORT: 80 }",
        &[],
    );
    leads(
        "image: 'varnish:7', volumes: ['./d.vcl:/etc/varnish/default.vcl']",
        &[(
            "p/d.vcl",
            "backend default {\n .host = \"web\";\n .port = \"80\";\n}\n",
        )],
    );
    leads(
        "image: 'ghcr.io/techarohq/anubis', environment: { TARGET: 'http://web:80' }",
        &[],
    );
    may_lead_anywhere(
        "image: 'ghcr.io/techarohq/anubis', environment: { TARGET: 'unix:///a.sock' }",
        &[],
    );
    may_lead_anywhere("image: 'fosrl/pangolin:1'", &[]);
    may_lead_anywhere("image: 'fosrl/gerbil:1'", &[]);
    may_lead_anywhere(
        "image: 'sebp/lighttpd', volumes: ['./l:/etc/lighttpd']",
        &[(
            "p/l/lighttpd.conf",
            "proxy.server = ( \"\" => (( \"host\" => \"web\" )))",
        )],
    );
}

#[test]
fn who_lets_in_private_addresses_is_not_known_to_be_public() {
    let caddy = "image: 'caddy:2', volumes: ['./Caddyfile:/etc/caddy/Caddyfile']";
    let web = |text: &str| {
        let lab = proxied(caddy, &[("p/Caddyfile", text)]);
        let web = exposure(&lab, "web");
        let listed = web
            .paths()
            .iter()
            .any(|path| path.is_guarded_by(GuardKind::AllowList));
        (web.reach(), web.at_most(), listed)
    };
    for (text, reach, listed) in [
        (
            "a {\n @lan remote_ip 192.168.0.0/16\n handle @lan {\n  reverse_proxy web:80\n }\n respond 403\n}",
            Lan,
            true,
        ),
        (
            "a {\n @lan client_ip private_ranges\n reverse_proxy @lan web:80\n}",
            Lan,
            true,
        ),
        (
            "a {\n @out not remote_ip private_ranges\n abort @out\n reverse_proxy web:80\n}",
            Lan,
            true,
        ),
        (
            "a {\n @out {\n  not remote_ip private_ranges\n }\n handle @out {\n  respond 403\n }\n handle {\n  reverse_proxy web:80\n }\n}",
            Lan,
            true,
        ),
        (
            "(lan) {\n @out not remote_ip private_ranges\n abort @out\n}\na {\n import lan\n reverse_proxy web:80\n}",
            Lan,
            true,
        ),
        (
            "a {\n route {\n  @out not remote_ip private_ranges\n  abort @out\n  reverse_proxy web:80\n }\n}",
            Lan,
            true,
        ),
        // In a route it comes too late, and a handle is done before.
        (
            "a {\n route {\n  @out not remote_ip private_ranges\n  reverse_proxy web:80\n  abort @out\n }\n}",
            Internet,
            false,
        ),
        (
            "a {\n @out not remote_ip private_ranges\n abort @out\n handle {\n  reverse_proxy web:80\n }\n}",
            Internet,
            false,
        ),
        // Only some of those who are not at home are sent away.
        (
            "a {\n @out {\n  not remote_ip private_ranges\n  path /admin\n }\n abort @out\n reverse_proxy web:80\n}",
            Internet,
            false,
        ),
        (
            "a {\n @lan remote_ip 192.168.0.0/16 203.0.113.0/24\n reverse_proxy @lan web:80\n}",
            Internet,
            true,
        ),
        (
            "a {\n @lan remote_ip forwarded private_ranges\n reverse_proxy @lan web:80\n}",
            Internet,
            true,
        ),
        (
            "a {\n @lan remote_ip 192.168.0.0/16\n handle @lan {\n  reverse_proxy web:80\n }\n handle {\n  reverse_proxy web:80\n }\n}",
            Internet,
            true,
        ),
    ] {
        assert_eq!(web(text), (reach, Internet, listed), "{text}");
    }
    let only_tailnet = "a {\n @us remote_ip 100.64.0.0/10\n reverse_proxy @us web:80\n}";
    assert_eq!(web(only_tailnet), (Tailnet, Tailnet, true));
    // Behind a tunnel all clients have the tunnel's own address.
    let lab = lab(&[
        (
            "p/compose.yaml",
            "services:
  cf: { image: cloudflare/cloudflared, command: 'tunnel --url http://caddy:80' }
  caddy: { image: 'caddy:2', volumes: ['./Caddyfile:/etc/caddy/Caddyfile'] }
  web: { image: httpd }
",
        ),
        (
            "p/Caddyfile",
            "a {\n @lan remote_ip private_ranges\n reverse_proxy @lan web:80\n}",
        ),
    ]);
    check("behind a tunnel", &lab, &[("web", Internet, Internet)]);
}

#[test]
fn nginx_may_ask_who_it_is_too() {
    let nginx = "image: 'nginx:1', volumes: ['./c.conf:/etc/nginx/conf.d/default.conf']";
    for (text, reach) in [
        (
            "server { allow 192.168.0.0/16; deny all; location / { proxy_pass http://web:80; } }",
            Lan,
        ),
        (
            "server { location / { allow 10.0.0.0/8; deny all; proxy_pass http://web:80; } }",
            Lan,
        ),
        (
            "server { location / { allow 192.168.0.0/16; proxy_pass http://web:80; } }",
            Internet,
        ),
        (
            "server { allow 10.0.0.0/8; deny all; location / { allow all; proxy_pass http://web:80; } }",
            Internet,
        ),
        (
            "server { satisfy any; allow 10.0.0.0/8; deny all; auth_basic x; location / { proxy_pass http://web:80; } }",
            Internet,
        ),
        (
            "real_ip_header X-Forwarded-For; server { allow 10.0.0.0/8; deny all; location / { proxy_pass http://web:80; } }",
            Internet,
        ),
    ] {
        let lab = proxied(nginx, &[("p/c.conf", text)]);
        check(text, &lab, &[("web", reach, Internet)]);
    }
    let lab = proxied(
        nginx,
        &[(
            "p/c.conf",
            "server { auth_basic x; location / { proxy_pass http://web:80; } }",
        )],
    );
    assert!(exposure(&lab, "web").paths()[0].is_guarded_by(GuardKind::Auth));
}
