// A whole tailnet on this machine, in network namespaces of its own: a control server, a relay, and real daemons.
//
//	unshare --net --pid --fork --kill-child --mount-proc -- tailnet DAEMON FOLDER < plan.json
//
// It reads its plan from the first line of its standard input, and ends with it; with it ends everything that it has
// started, since it is the first process of its namespace. When all is up it prints one line of JSON, the nodes. Requests
// are lines on its standard input, each answered by a line of JSON:
//
//	{"filters": {NODE: {"rules": [...], "peers": [NODE, ...]}}}   what the control server tells each node
//	{"meet": [[NODE, NODE]]}                                      has the first of each two say hello to the second
//	{"dials": [{"from": NODE, "to": ADDRESS, "wait": MS}]}        connections, all at once, through the nodes' proxies
//	{"dropped": true}                                             how many packets each node's filter has refused so far
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/net/proxy"
	"tailscale.com/derp/derpserver"
	"tailscale.com/net/stun"
	"tailscale.com/tailcfg"
	"tailscale.com/tstest/integration/testcontrol"
	"tailscale.com/types/key"
	"tailscale.com/types/logger"
)

type plan struct {
	Nodes []*node
	Ports []int
}

// A node of the plan, and what became of it.
type node struct {
	Name         string
	User         int // of which node, counted from 0, the person is that this one belongs to
	Tags         []string
	Routes       []netip.Prefix // what it offers
	Approved     []netip.Prefix
	Lan          []string // addresses beside its own that its machine has, such as 10.77.0.5/24
	AcceptRoutes bool
	Socket       string
	Login        string
	Addresses    []netip.Addr
	proxy        string
	key          key.NodePublic
	anchor       int
}

const hub = "10.99.0.1"

func main() {
	log.SetFlags(0)
	if len(os.Args) > 2 && os.Args[1] == "listen" {
		listen(os.Args[2:])
	}
	if len(os.Args) != 3 {
		log.Fatal("usage: tailnet DAEMON FOLDER")
	}
	input := bufio.NewReaderSize(os.Stdin, 1<<20)
	var p plan
	if line, err := input.ReadBytes('\n'); err != nil || json.Unmarshal(line, &p) != nil {
		log.Fatal("no plan")
	}
	server, err := start(os.Args[1], os.Args[2], &p)
	if err != nil {
		log.Fatal(err)
	}
	out := json.NewEncoder(os.Stdout)
	out.Encode(p.Nodes)
	for {
		line, err := input.ReadBytes('\n')
		if err != nil {
			return
		}
		var request struct {
			Filters map[string]told
			Dials   []dial
			Dropped bool
			Meet    [][2]string
		}
		if err := json.Unmarshal(line, &request); err != nil {
			log.Fatal(err)
		}
		if request.Filters != nil {
			if err := tell(server, &p, request.Filters); err != nil {
				log.Fatal(err)
			}
			out.Encode(map[string]bool{"told": true})
			continue
		}
		if request.Meet != nil {
			out.Encode(meet(&p, request.Meet))
			continue
		}
		if request.Dropped {
			counts, err := dropped(&p)
			if err != nil {
				log.Fatal(err)
			}
			out.Encode(counts)
			continue
		}
		out.Encode(dialAll(&p, request.Dials))
	}
}

// run runs a program of the machine to its end.
func run(program string, arguments ...string) error {
	output, err := exec.Command(program, arguments...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %v: %s", program, strings.Join(arguments, " "), err, output)
	}
	return nil
}

// spawn starts what ends with this process. The thread stays, since the kernel ties the end to it.
func spawn(command *exec.Cmd) error {
	failed := make(chan error)
	go func() {
		runtime.LockOSThread()
		if command.SysProcAttr == nil {
			command.SysProcAttr = &syscall.SysProcAttr{}
		}
		command.SysProcAttr.Pdeathsig = syscall.SIGKILL
		failed <- command.Start()
		command.Wait()
		select {}
	}()
	return <-failed
}

func start(daemon, folder string, p *plan) (*testcontrol.Server, error) {
	setup := [][]string{
		{"link", "set", "lo", "up"},
		{"link", "add", "hub", "type", "bridge"},
		{"addr", "add", hub + "/24", "dev", "hub"},
		{"link", "set", "hub", "up"},
	}
	for _, arguments := range setup {
		if err := run("ip", arguments...); err != nil {
			return nil, err
		}
	}
	quiet := logger.Discard
	if os.Getenv("TAILNET_VERBOSE") != "" {
		quiet = log.Printf
	}
	derps, err := relay(quiet)
	if err != nil {
		return nil, err
	}
	server := &testcontrol.Server{
		Logf:            quiet,
		DERPMap:         derps,
		ExplicitBaseURL: "http://" + hub + ":8080",
		MagicDNSDomain:  "otter-lynx.ts.net",
		AllOnline:       true,
	}
	listener, err := net.Listen("tcp", hub+":8080")
	if err != nil {
		return nil, err
	}
	go http.Serve(listener, server)

	// One after the other up to their registration: the control server then numbers them, and their people, in order.
	for index, n := range p.Nodes {
		if err := n.machine(index, p.Ports); err != nil {
			return nil, err
		}
		if err := n.join(daemon, folder, quiet); err != nil {
			return nil, err
		}
		if err := n.find(server); err != nil {
			return nil, err
		}
	}
	nodes := server.AllNodes()
	users := make([]tailcfg.UserID, len(p.Nodes))
	for index, n := range p.Nodes {
		users[index] = byKey(nodes, n.key).User
	}
	for _, n := range p.Nodes {
		own := server.Node(n.key)
		own.User = users[n.User]
		own.Tags = n.Tags
		server.UpdateNode(own)
		n.Login = fmt.Sprintf("user-%d@fake-control.example.net", users[n.User])
		if len(n.Approved) > 0 {
			server.SetSubnetRoutes(n.key, n.Approved)
		}
	}
	return server, settled(server)
}

// settled waits until every node has told by which relay and at which addresses it is found: what nodes are told of each
// other later is how they were when they were told.
func settled(server *testcontrol.Server) error {
	for range 400 {
		missing := slices.ContainsFunc(server.AllNodes(), func(n *tailcfg.Node) bool {
			return n.HomeDERP == 0 || len(n.Endpoints) == 0 || n.DiscoKey.IsZero()
		})
		if !missing {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("some nodes have not told where they are found")
}

func byKey(nodes []*tailcfg.Node, k key.NodePublic) *tailcfg.Node {
	index := slices.IndexFunc(nodes, func(n *tailcfg.Node) bool { return n.Key == k })
	if index < 0 {
		return nil
	}
	return nodes[index]
}

// relay starts what nodes find each other by.
func relay(quiet logger.Logf) (*tailcfg.DERPMap, error) {
	derp := derpserver.New(key.NewNode(), quiet)
	listener, err := net.Listen("tcp", hub+":0")
	if err != nil {
		return nil, err
	}
	https := httptest.NewUnstartedServer(derpserver.Handler(derp))
	https.Listener.Close()
	https.Listener = listener
	https.Config.ErrorLog = logger.StdLogger(quiet)
	https.StartTLS()

	packets, err := net.ListenPacket("udp4", hub+":0")
	if err != nil {
		return nil, err
	}
	go func() {
		buffer := make([]byte, 1500)
		for {
			n, from, err := packets.ReadFrom(buffer)
			if err != nil {
				return
			}
			if id, err := stun.ParseBindingRequest(buffer[:n]); err == nil {
				packets.WriteTo(stun.Response(id, from.(*net.UDPAddr).AddrPort()), from)
			}
		}
	}()
	return &tailcfg.DERPMap{Regions: map[int]*tailcfg.DERPRegion{1: {
		RegionID:   1,
		RegionCode: "test",
		Nodes: []*tailcfg.DERPNode{{
			Name:             "t1",
			RegionID:         1,
			HostName:         hub,
			IPv4:             hub,
			IPv6:             "none",
			STUNPort:         packets.LocalAddr().(*net.UDPAddr).Port,
			DERPPort:         listener.Addr().(*net.TCPAddr).Port,
			STUNTestIP:       hub,
			InsecureForTests: true,
		}},
	}}}, nil
}

// machine makes the node's network namespace. It lives as long as the process in it, which listens on the ports.
func (n *node) machine(index int, ports []int) error {
	arguments := []string{"listen"}
	for _, port := range ports {
		arguments = append(arguments, strconv.Itoa(port))
	}
	anchor := exec.Command("/proc/self/exe", arguments...)
	anchor.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if err := spawn(anchor); err != nil {
		return err
	}
	n.anchor = anchor.Process.Pid
	outer, address := fmt.Sprintf("n%d", index), fmt.Sprintf("10.99.0.%d", index+10)
	n.proxy = address + ":1055"
	steps := [][]string{
		{"ip", "link", "add", outer, "type", "veth", "peer", "name", "eth0", "netns", strconv.Itoa(n.anchor)},
		{"ip", "link", "set", outer, "master", "hub", "up"},
	}
	inside := [][]string{
		{"link", "set", "lo", "up"},
		{"addr", "add", address + "/24", "dev", "eth0"},
		{"link", "set", "eth0", "up"},
		{"route", "add", "default", "via", hub},
	}
	for _, lan := range n.Lan {
		inside = append(inside, []string{"addr", "add", lan, "dev", "lo"})
	}
	for _, arguments := range inside {
		steps = append(steps, append(n.enter("ip"), arguments...))
	}
	for _, step := range steps {
		if err := run(step[0], step[1:]...); err != nil {
			return err
		}
	}
	return nil
}

func (n *node) enter(program string) []string {
	return []string{"nsenter", "-t", strconv.Itoa(n.anchor), "-n", program}
}

// join starts the node's daemon, and has it join the tailnet.
func (n *node) join(daemon, folder string, quiet logger.Logf) error {
	n.Socket = filepath.Join(folder, n.Name+".sock")
	state := filepath.Join(folder, n.Name)
	words := append(n.enter(daemon), "--tun=userspace-networking", "--state=mem:", "--statedir="+state,
		"--no-logs-no-support", "--socket="+n.Socket, "--socks5-server="+n.proxy)
	command := exec.Command(words[0], words[1:]...)
	file, err := os.Create(state + ".log")
	if err != nil {
		return err
	}
	command.Stdout, command.Stderr = file, file
	if err := spawn(command); err != nil {
		return err
	}
	var routes []string
	for _, route := range n.Routes {
		routes = append(routes, route.String())
	}
	limit, stop := context.WithTimeout(context.Background(), 40*time.Second)
	defer stop()
	for {
		if _, err := os.Stat(n.Socket); err == nil {
			break
		}
		if limit.Err() != nil {
			return fmt.Errorf("%s: the daemon did not start", n.Name)
		}
		time.Sleep(20 * time.Millisecond)
	}
	words = append(n.enter(daemon), "--socket="+n.Socket, "up", "--login-server=http://"+hub+":8080",
		"--hostname="+n.Name, "--accept-dns=false", "--timeout=35s",
		fmt.Sprintf("--accept-routes=%v", n.AcceptRoutes), "--advertise-routes="+strings.Join(routes, ","))
	up := exec.CommandContext(limit, words[0], words[1:]...)
	// The one program is both the daemon and what speaks with it.
	up.Env = append(os.Environ(), "TS_BE_CLI=1")
	output, err := up.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: up: %v: %s", n.Name, err, output)
	}
	return nil
}

// find looks the node up in the control server, once it waits there for news.
func (n *node) find(server *testcontrol.Server) error {
	for _, known := range server.AllNodes() {
		if known.Hostinfo.Hostname() != n.Name {
			continue
		}
		n.key = known.Key
		for _, address := range known.Addresses {
			n.Addresses = append(n.Addresses, address.Addr())
		}
		limit, stop := context.WithTimeout(context.Background(), 20*time.Second)
		defer stop()
		return server.AwaitNodeInMapRequest(limit, n.key)
	}
	return fmt.Errorf("%s: it is not registered", n.Name)
}

// What a node is told: its packet filter, and whom it sees.
type told struct {
	Rules []tailcfg.FilterRule
	Peers []string
}

func tell(server *testcontrol.Server, p *plan, all map[string]told) error {
	for _, n := range p.Nodes {
		news, ok := all[n.Name]
		if !ok {
			return fmt.Errorf("%s: nothing to tell", n.Name)
		}
		response, err := server.MapResponse(&tailcfg.MapRequest{NodeKey: n.key})
		if err != nil || response == nil {
			return fmt.Errorf("%s: %v", n.Name, err)
		}
		var seen []*tailcfg.Node
		for _, peer := range response.Peers {
			visible := slices.ContainsFunc(p.Nodes, func(other *node) bool {
				return other.key == peer.Key && slices.Contains(news.Peers, other.Name)
			})
			if visible {
				seen = append(seen, peer)
			} else {
				response.PeersRemoved = append(response.PeersRemoved, peer.ID)
			}
		}
		// An empty list would not be sent, and mean that nothing has changed.
		response.Peers, response.PacketFilter = nil, nil
		response.PeersChanged = seen
		response.PacketFilters = map[string][]tailcfg.FilterRule{"*": nil, "policy": news.Rules}
		if news.Rules == nil {
			delete(response.PacketFilters, "policy")
		}
		if !server.AddRawMapResponse(n.key, response) {
			return fmt.Errorf("%s: it does not listen", n.Name)
		}
	}
	return nil
}

type dial struct {
	From string
	To   string
	Wait int // for an answer, in milliseconds
}

// dialAll opens the connections, and returns of each whether a listener of ours has answered.
func dialAll(p *plan, dials []dial) []string {
	results := make([]string, len(dials))
	var all sync.WaitGroup
	for index, d := range dials {
		all.Go(func() { results[index] = p.dial(d) })
	}
	all.Wait()
	return results
}

// dial opens one connection. A proxy on a busy machine may give up before the time is over: then it is asked again.
func (p *plan) dial(d dial) string {
	from := p.named(d.From)
	if from == nil {
		return "no such node"
	}
	limit, stop := context.WithTimeout(context.Background(), time.Duration(d.Wait)*time.Millisecond)
	defer stop()
	for {
		answer := dialOnce(limit, from, d)
		if answer == "open" || limit.Err() != nil {
			return answer
		}
		select {
		case <-limit.Done():
			return answer
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func dialOnce(limit context.Context, from *node, d dial) string {
	socks, err := proxy.SOCKS5("tcp", from.proxy, nil, proxy.Direct)
	if err != nil {
		return err.Error()
	}
	connection, err := socks.(proxy.ContextDialer).DialContext(limit, "tcp", d.To)
	if err != nil {
		return err.Error()
	}
	defer connection.Close()
	deadline, _ := limit.Deadline()
	connection.SetDeadline(deadline)
	// The proxy says yes early; only the listener's own words count.
	answer, err := io.ReadAll(connection)
	if err != nil {
		return err.Error()
	}
	if bytes.HasPrefix(answer, []byte("port ")) {
		return "open"
	}
	return "closed"
}

// client speaks with the node's daemon.
func (n *node) client() *http.Client {
	return &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(context context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(context, "unix", n.Socket)
		},
	}}
}

// meet makes an encrypted session between each two, which no filter stops, and returns what went wrong. Only one of two
// begins: when both do so in the same moment, WireGuard waits for five seconds, and connections give up before that.
func meet(p *plan, pairs [][2]string) []string {
	wrong := make([]string, len(pairs))
	var all sync.WaitGroup
	for index, pair := range pairs {
		all.Go(func() {
			from, to := p.named(pair[0]), p.named(pair[1])
			if from == nil || to == nil {
				wrong[index] = "no such node"
				return
			}
			url := "http://local-tailscaled.sock/localapi/v0/ping?type=TSMP&ip=" + to.Addresses[0].String()
			var said []byte
			for range 10 {
				response, err := from.client().Post(url, "", nil)
				if err != nil {
					said = []byte(err.Error())
					continue
				}
				said, _ = io.ReadAll(response.Body)
				response.Body.Close()
				var answer struct{ Err string }
				if json.Unmarshal(said, &answer) == nil && response.StatusCode == 200 && answer.Err == "" {
					return
				}
				time.Sleep(100 * time.Millisecond)
			}
			wrong[index] = fmt.Sprintf("%s does not reach %s: %s", from.Name, to.Name, said)
		})
	}
	all.Wait()
	return slices.DeleteFunc(wrong, func(text string) bool { return text == "" })
}

func (p *plan) named(name string) *node {
	index := slices.IndexFunc(p.Nodes, func(n *node) bool { return n.Name == name })
	if index < 0 {
		return nil
	}
	return p.Nodes[index]
}

// dropped returns how many packets each node's filter has refused: its daemon counts them.
func dropped(p *plan) (map[string]int, error) {
	counts := map[string]int{}
	for _, n := range p.Nodes {
		response, err := n.client().Get("http://local-tailscaled.sock/localapi/v0/usermetrics")
		if err != nil {
			return nil, err
		}
		text, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil {
			return nil, err
		}
		counts[n.Name] = 0
		for line := range strings.Lines(string(text)) {
			count, ok := strings.CutPrefix(line, `tailscaled_inbound_dropped_packets_total{reason="acl"} `)
			if ok {
				counts[n.Name], err = strconv.Atoi(strings.TrimSpace(count))
			}
		}
		if err != nil {
			return nil, err
		}
	}
	return counts, nil
}

// listen answers on the ports, on every address of the namespace that it is in.
func listen(ports []string) {
	for _, port := range ports {
		listener, err := net.Listen("tcp", ":"+port)
		if err != nil {
			log.Fatal(err)
		}
		go func() {
			for {
				connection, err := listener.Accept()
				if err != nil {
					return
				}
				fmt.Fprintf(connection, "port %s\n", port)
				connection.Close()
			}
		}()
	}
	select {}
}
