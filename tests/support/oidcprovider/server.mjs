// A certified OpenID provider for the tests: `node server.mjs PORT [SETTINGS]`, with settings in JSON: more `clients`,
// and `accessTokenTTL` in seconds. Reads commands from its standard input, a line each, and answers each with a line.
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { Provider, errors } from "oidc-provider";
import { exportJWK, generateKeyPair } from "jose";

// Standard output is for answers alone: the provider's notices go where its warnings go.
console.info = console.log = console.error;

const issuer = `http://127.0.0.1:${process.argv[2]}`;
const formats = { "https://api.example.com": "jwt", "https://opaque.example.com": "opaque" };
const settings = JSON.parse(process.argv[3] ?? "{}");
let number = 0;

// What is stored outlives a rotation of keys, which makes another provider.
const stored = new Map();
class Adapter {
  constructor(model) {
    this.model = model;
  }
  async upsert(id, payload) {
    stored.set(`${this.model}:${id}`, structuredClone(payload));
  }
  async find(id) {
    return structuredClone(stored.get(`${this.model}:${id}`));
  }
  async findByUid(uid) {
    const found = [...stored].find(([name, payload]) => name.startsWith(`${this.model}:`) && payload.uid === uid);
    return structuredClone(found?.[1]);
  }
  async consume(id) {
    stored.get(`${this.model}:${id}`).consumed = Math.floor(Date.now() / 1000);
  }
  async destroy(id) {
    stored.delete(`${this.model}:${id}`);
  }
  async revokeByGrantId(grantId) {
    for (const [name, payload] of stored) {
      if (payload.grantId === grantId) stored.delete(name);
    }
  }
}

async function newKey() {
  number += 1;
  const { privateKey } = await generateKeyPair("ES256", { extractable: true });
  return { ...(await exportJWK(privateKey)), alg: "ES256", use: "sig", kid: `provider-${number}` };
}

// RFC 8693, by what the provider has: a token of its own is exchanged for one of the same account for another service.
const EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange";
async function exchange(ctx) {
  const { provider: made, client: asking, params } = ctx.oidc;
  const subject = await made.AccessToken.find(params.subject_token);
  if (!subject) throw new errors.InvalidGrant("unknown subject_token");
  const given = new made.AccessToken({
    accountId: subject.accountId, client: asking, grantId: subject.grantId, gty: "token-exchange", scope: "docs:read",
  });
  given.resourceServer = new made.ResourceServer(params.audience, {
    audience: params.audience, scope: "docs:read", accessTokenTTL: 600, accessTokenFormat: "jwt",
    jwt: { sign: { alg: "ES256" } },
  });
  ctx.body = {
    access_token: await given.save(), issued_token_type: "urn:ietf:params:oauth:token-type:access_token",
    token_type: "Bearer", expires_in: given.expiration,
  };
}

function client(name) {
  return {
    client_id: name,
    client_secret: `secret+of/${name}`,
    grant_types: ["client_credentials"],
    redirect_uris: [],
    response_types: [],
    id_token_signed_response_alg: "ES256",
  };
}

function provider(keys) {
  const made = new Provider(issuer, {
    adapter: Adapter,
    // Its own refuses loopback, where the tests' sites are told of logouts.
    fetch: (url, { dispatcher, ...options }) => fetch(url, options),
    jwks: { keys },
    scopes: ["openid", "offline_access", "docs:read", "docs:write"],
    clients: [client("caller"), client("gateway"), ...(settings.clients ?? [])],
    clientAuthMethods: ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"],
    claims: { openid: ["sub", "groups"] },
    conformIdTokenClaims: false,
    findAccount: (ctx, id) => ({ accountId: id, claims: () => ({ sub: id, groups: ["staff"] }) }),
    issueRefreshToken: (ctx, client, code) => code.scopes.has("offline_access"),
    rotateRefreshToken: true,
    ttl: { AccessToken: settings.accessTokenTTL ?? 600 },
    features: {
      // Its pages take any name and any password.
      devInteractions: { enabled: true },
      backchannelLogout: { enabled: true },
      clientCredentials: { enabled: true },
      introspection: { enabled: true, allowedPolicy: (ctx, asking) => asking.clientId === "gateway" },
      revocation: { enabled: true, allowedPolicy: () => true },
      dPoP: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (ctx, resource) => ({
          audience: resource,
          scope: "docs:read docs:write",
          accessTokenTTL: 600,
          accessTokenFormat: formats[resource],
          jwt: { sign: { alg: "ES256" } },
        }),
      },
    },
  });
  made.registerGrantType(EXCHANGE, exchange, ["subject_token", "subject_token_type", "requested_token_type", "audience"], []);
  made.on("backchannel.error", (context, error) => console.error("backchannel", error));
  return made;
}

let keys = [await newKey()];
let serve = provider(keys).callback();
const server = createServer((request, response) => serve(request, response));
server.listen(Number(process.argv[2]), "127.0.0.1");

for await (const line of createInterface({ input: process.stdin })) {
  // The first key signs. `keep` publishes the old ones beside it, `drop` withdraws them.
  keys = line === "keep" ? [await newKey(), ...keys] : [await newKey()];
  serve = provider(keys).callback();
  process.stdout.write(`${keys[0].kid}\n`);
}
