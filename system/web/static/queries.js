// Every document that the page sends.

const OFFER = "id insurer premium { amount currency } validUntil receivedAt";
const POLICY = "id number insurer premium { amount currency } startsOn issuedAt applicationId";

export const CREATE = `mutation Create($input: ApplicationInput!, $key: String!) {
  createApplication(input: $input, idempotencyKey: $key) { id status }
}`;

export const BUY = `mutation Buy($offer: ID!, $key: String!) {
  buyOffer(offerId: $offer, idempotencyKey: $key) { ${POLICY} }
}`;

export const APPLICATION = `query Application($id: ID!) { application(id: $id) {
  id status createdAt startsOn
  vehicle { registrationNumber make model year }
  offers { ${OFFER} }
  policy { ${POLICY} }
} }`;

export const APPLICATIONS = `query Applications { applications(first: 5) {
  nodes { id status createdAt vehicle { registrationNumber make model } }
} }`;

export const OFFERS = `subscription Offers($id: ID!) {
  offers(applicationId: $id) { done status offer { ${OFFER} } }
}`;

export const POLICIES = `query Policies($after: String) { myPolicies(first: 20, after: $after) {
  nodes { ${POLICY} } endCursor hasNextPage
} }`;

export const CARD = `query Card { myCard {
  id name age birthDate
  documents { id type number issueDate expiryDate }
  relatives { id relationType name age }
} }`;
