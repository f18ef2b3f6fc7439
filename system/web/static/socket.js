// A small client of graphql-transport-ws: one subscription over one WebSocket.

const ACK_S = 5;
const PING_S = 10; // a ping that is not answered until the next one means that nobody is there

/** Resolves when the subscription is complete; rejects with {connected, refused} when it broke.
 * `connected`: whether it ever worked; `refused`: the server's own errors. */
export function subscribe({ query, variables, authorization, onNext, signal }) {
  return new Promise((resolve, reject) => {
    const address = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/graphql`;
    const socket = new WebSocket(address, "graphql-transport-ws");
    let connected = false;
    let awaited = false;
    let over = false;
    const say = (message) => socket.send(JSON.stringify(message));

    const end = (settle, value) => {
      if (over) return;
      over = true;
      clearTimeout(patience);
      clearInterval(pulse);
      signal.removeEventListener("abort", stop);
      socket.close(1000);
      settle(value);
    };
    const broken = (refused = null, code = 0) => end(reject, { connected, refused, code });
    const stop = () => end(resolve);
    const patience = setTimeout(broken, ACK_S * 1000);
    const pulse = setInterval(() => {
      if (!connected) return;
      if (awaited) {
        broken();
        return;
      }
      awaited = true;
      say({ type: "ping" });
    }, PING_S * 1000);

    const heard = {
      connection_ack() {
        connected = true;
        clearTimeout(patience);
        say({ id: "1", type: "subscribe", payload: { query, variables } });
      },
      next({ payload }) {
        if (payload.errors?.length) broken(payload.errors);
        else onNext(payload.data);
      },
      error: ({ payload }) => broken(payload),
      complete: () => end(resolve),
      ping: () => say({ type: "pong" }),
      pong: () => {},
    };
    socket.onopen = () => say({ type: "connection_init", payload: { authorization } });
    socket.onmessage = ({ data }) => {
      if (over) return;
      awaited = false; // whatever came shows that somebody is there
      try {
        const message = JSON.parse(data);
        heard[message.type]?.(message);
      } catch {
        broken();
      }
    };
    socket.onclose = ({ code }) => broken(null, code);
    socket.onerror = () => broken();
    signal.addEventListener("abort", stop);
    if (signal.aborted) stop();
  });
}
