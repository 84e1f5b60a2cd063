import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, type Page } from '@playwright/test';
import { test as journey } from './journey.ts';

/** A carrier that can fail: it stands where Twilio's API would, and MessageMedia's, which takes everything. */
export interface Carrier {
  /** Its address as the server's settings name it. */
  host: string;
  /** Statuses of its next answers as Twilio, 400 for credentials that do not hold; without any left it takes what it is given. */
  answers: number[];
  /** What it was asked to send, one entry for each attempt. */
  asked: string[];
  stop(): Promise<void>;
}

async function startCarrier(): Promise<Carrier> {
  const asked: string[] = [];
  const answers: number[] = [];
  const server = createServer(async (request, response) => {
    const body: Buffer[] = [];
    for await (const chunk of request) {
      body.push(chunk as Buffer);
    }
    const sent = Buffer.concat(body).toString();
    if (request.url === '/v1/messages') {
      asked.push(JSON.parse(sent).messages[0].content);
      response.writeHead(202, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ messages: [{ message_id: randomUUID(), status: 'queued' }] }));
      return;
    }
    asked.push(new URLSearchParams(sent).get('Body') ?? '');
    const sid = `SM${asked.length.toString(16).padStart(32, '0')}`;
    const status = answers.shift() ?? 201;
    const refusal = { code: 20003, message: 'Authenticate', status };
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(status === 400 ? refusal : { sid, status: 'queued', num_segments: '1' }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const stop = async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  };
  return { host, answers, asked, stop };
}

/** New conversations go out through this carrier from now on. */
export async function useCarrier(staff: Page, carrier: Carrier): Promise<void> {
  const call = async (name: string, data: unknown) => {
    const answer = await staff.request.post(`/api/ui/settings/${name}`, { data });
    expect(answer.status(), await answer.text()).toBe(200);
    return answer.json();
  };
  const { id } = await call('create-line', {
    name: 'Carrier',
    number: '0491 570 313',
    provider: 'twilio',
    credentials: {
      account_sid: 'AC00000000000000000000000000000001',
      auth_token: 'test_auth_token_0123456789abcdef',
      api_base: `http://${carrier.host}`,
    },
  });
  await call('set-default-line', { id });
}

/** `test` of a journey, with a carrier that can fail, which its server may call. */
export const test = journey.extend<{ carrier: Carrier }>({
  carrier: async ({}, use) => {
    const carrier = await startCarrier();
    await use(carrier);
    await carrier.stop();
  },
  settings: async ({ carrier }, use) => {
    await use({ HELIOGRAPH_ALLOW_PRIVATE: carrier.host });
  },
});
