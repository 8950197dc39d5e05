//! Podman's units for Kubernetes files.

use super::*;
use crate::name::ServiceName;

#[test]
fn the_pods_of_a_kubernetes_file_may_open_anything() {
    let lab = lab(&[
        ("pods/k.kube", "[Kube]\nYaml=k.yaml\n"),
        ("pods/there.kube", "[Kube]\nYaml=./there.yaml\n"),
        ("pods/there.yaml", "kind: Pod\n"),
        (
            "pods/a.container",
            "[Container]\nImage=docker.io/library/nginx:1.27\n",
        ),
    ]);
    check(
        "kube",
        &lab,
        &[
            ("pods/k", Host, Internet),
            ("pods/there", Host, Internet),
            ("pods/a", Host, Host),
        ],
    );
    let said: Vec<&str> = lab
        .diagnostics()
        .iter()
        .map(|finding| finding.message())
        .collect();
    assert_eq!(said, ["the Kubernetes file `k.yaml` is not in the lab"]);
}

#[test]
fn the_containers_of_a_kubernetes_file_open_what_it_says() {
    let web = "apiVersion: v1
kind: Pod
metadata: { name: web }
spec:
  containers:
    - name: page
      image: docker.io/library/nginx:1.27
      ports: [{ containerPort: 80, hostPort: 8080 }, { containerPort: 443, hostPort: 8443, hostIP: 100.64.0.1 }]
    - name: db
      image: docker.io/library/postgres:17
      ports: [{ containerPort: 5432 }]
---
kind: ConfigMap
data: { a: b }
";
    let shared = "kind: Deployment
spec:
  template:
    spec:
      hostNetwork: true
      volumes: [{ name: engine, hostPath: { path: /var/run/docker.sock } }, { name: data, persistentVolumeClaim: { claimName: data } }]
      containers:
        - name: agent
          image: example.com/agent
          args: [--all, 7]
          env: [{ name: A, value: '1' }, { name: B, valueFrom: { secretKeyRef: { name: x, key: y } } }]
          securityContext: { privileged: true }
          ports: [{ containerPort: 9000, protocol: UDP }]
          volumeMounts: [{ name: engine, mountPath: /e, readOnly: true }, { name: data, mountPath: /data }, { name: none, mountPath: /n }]
";
    let lab = lab(&[
        ("pods/web.kube", "[Kube]\nYaml=web.yaml\n"),
        ("pods/web.yaml", web),
        ("pods/agent.kube", "[Kube]\nYaml=./shared.yaml\n"),
        ("pods/shared.yaml", shared),
        ("pods/odd.kube", "[Kube]\nYaml=odd.yaml\n"),
        ("pods/odd.yaml", "kind: Strange\nspec: {}\n"),
        ("pods/template.kube", "[Kube]\nYaml=template.yaml\n"),
        ("pods/template.yaml", "kind: Pod\nspec: {{ .Values }\n"),
    ]);
    check(
        "pods",
        &lab,
        &[
            ("pods/web-page", Lan, Internet),
            ("pods/web-db", Host, Host),
            ("pods/agent", Lan, Internet),
            ("pods/odd", Host, Internet),
            ("pods/template", Host, Internet),
        ],
    );
    let page = exposure(&lab, "pods/web-page");
    let ways: Vec<(Option<u16>, Reach)> = page
        .paths()
        .iter()
        .map(|path| (path.port(), path.zone()))
        .collect();
    assert!(
        ways.contains(&(Some(80), Lan)) && ways.contains(&(Some(443), Tailnet)),
        "{page}"
    );
    let project = lab.projects().next().expect("a project");
    let agent = &project.services()[&"agent".parse::<ServiceName>().expect("a name")];
    assert_eq!(agent.privileged.as_ref().map(|on| on.value), Some(true));
    assert_eq!(agent.expose[0].value, "9000/udp");
    let command: Vec<&str> = agent.command.iter().map(|word| word.value.as_str()).collect();
    assert_eq!(command, ["--all", "7"]);
    assert_eq!(agent.environment["A"].value.as_deref(), Some("1"));
    assert_eq!(agent.environment["B"].value, None);
    let mounts: Vec<(Option<&str>, &str, bool)> = agent
        .mounts
        .iter()
        .map(|mount| {
            (
                mount.value.source.as_deref(),
                mount.value.target.as_str(),
                mount.value.read_only,
            )
        })
        .collect();
    assert_eq!(
        mounts,
        [
            (Some("/var/run/docker.sock"), "/e", true),
            (Some("data"), "/data", false)
        ]
    );
    assert!(lab.diagnostics().is_empty(), "{:?}", lab.diagnostics());
}

#[test]
fn a_port_that_only_the_machine_knows_may_be_any() {
    for (words, at_most) in [
        ("PublishPort=80%i:80", Internet),
        ("PublishPort=${PORT}:80", Internet),
        ("PodmanArgs=-P", Internet),
        ("PodmanArgs=--publish-all=true", Internet),
        ("PodmanArgs=--publish-all=false", Host),
        ("PodmanArgs=--pod=elsewhere", Internet),
        ("PublishPort=127.0.0.1:8090:80", Host),
    ] {
        let unit = format!("[Container]\nImage=docker.io/library/nginx:1.27\n{words}\n");
        let lab = lab(&[("p/a.container", &unit), ("instance.toml", BEHIND_NAT)]);
        check(words, &lab, &[("a", Host, at_most)]);
    }
    for words in [
        "PodmanArgs=-p8090:80",
        "PodmanArgs=-p=8090:80",
        "PodmanArgs=--publish 8090:80",
    ] {
        let unit = format!("[Container]\nImage=docker.io/library/nginx:1.27\n{words}\n");
        let lab = lab(&[("p/a.container", &unit), ("instance.toml", BEHIND_NAT)]);
        check(words, &lab, &[("a", Lan, Lan)]);
    }
    let pod = [
        ("p/web.pod", "[Pod]\nPodName=front\nPublishPort=80:80\n"),
        ("p/a.container", "[Container]\nImage=x\nPodmanArgs=--pod=front\n"),
        ("instance.toml", BEHIND_NAT),
    ];
    check("a pod by its name", &lab(&pod), &[("a", Lan, Lan)]);
}
