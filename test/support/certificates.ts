// A certificate authority of a test's own and a server certificate signed by it, made with the JDK's keytool: where Kafka runs
// there is a JDK, while openssl may be missing.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Certificates {
  /** The authority's certificate as PEM. */
  readonly caFile: string;
  /** PKCS12 with the server's key and chain, opened by `password`. */
  readonly keystore: string;
  readonly password: string;
}

const password = 'only-for-tests';

/** The server certificate is for this DNS name and for no address. */
export function makeCertificates(folder: string, keytool: string, dnsName: string): Certificates {
  const run = (line: string, input?: string): string =>
    execFileSync(keytool, [...line.split(' '), '-storepass', password], {
      input,
      encoding: 'utf8',
      stdio: ['pipe', 'pipe', 'pipe'],
    });
  const [ca, keystore, caFile] = ['ca.p12', 'broker.p12', 'ca.pem'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  const key = '-genkeypair -keyalg EC -groupname secp256r1 -validity 30';
  run(`${key} -alias ca -dname CN=test-ca -ext bc:c=ca:true -keystore ${ca}`);
  writeFileSync(caFile, run(`-exportcert -rfc -alias ca -keystore ${ca}`));
  run(`${key} -alias broker -dname CN=broker -keystore ${keystore}`);
  const request = run(`-certreq -alias broker -keystore ${keystore}`);
  const signed = run(`-gencert -rfc -alias ca -validity 30 -ext san=dns:${dnsName} -keystore ${ca}`, request);
  run(`-importcert -noprompt -alias ca -file ${caFile} -keystore ${keystore}`);
  run(`-importcert -noprompt -alias broker -keystore ${keystore}`, signed);
  return { caFile, keystore, password };
}
