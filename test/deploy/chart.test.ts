/** The Helm chart without Helm: its templates rendered with several values, what came of it, and which values are refused. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Json } from '../../src/base/types.ts';
import { flagsIn, flagsOf } from './flags.ts';
import { Templates } from './go-template.ts';
import { documents, yaml } from './yaml.ts';

const KNOWN = await flagsOf('node');
const CHART = fileURLToPath(new URL('../../deploy/helm/synod/', import.meta.url));
const read = (file: string) => readFileSync(CHART + file, 'utf8');
const PEER = '12D3KooWC8o7ro8uPx1F6BFWDpCkZZB8JmbCZbTy5C2MTTawUvW3';
const GOOD = { genesis: '{ "config": {} }', bootnodeId: PEER };

type Values = { readonly [key: string]: Json };
const schema = z.fromJSONSchema(JSON.parse(read('values.schema.json')));
const problemsOf = (values: Values) => [...new Set(schema.safeParse(values).error?.issues.map(({ path }) => path.join('.')))];

function merged(base: Values, over: Values): Values {
  const isObject = (value: Json | undefined): value is Values => typeof value === 'object' && value !== null && !Array.isArray(value);
  const pairs = Object.entries(over).map(([key, value]) => [
    key,
    isObject(value) && isObject(base[key]) ? merged(base[key], value) : value,
  ]);
  return { ...base, ...Object.fromEntries(pairs) };
}

const defaults = () => documents(read('values.yaml'))[0] as Values;
const valuesWith = (over: Values): Values => merged(merged(defaults(), GOOD), over);

interface Resource {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>> };
  readonly spec: Json;
}

/** Everything that `helm template net` would print. */
function render(over: Values = {}): Resource[] {
  const [Chart] = documents(read('Chart.yaml')) as [{ readonly name: string; readonly version: string; readonly appVersion: string }];
  // Go's templates see the fields of Chart.yaml with a capital.
  const chart = { Name: Chart.name, Version: Chart.version, AppVersion: Chart.appVersion };
  const templates = new Templates((value) => yaml?.stringify(value) ?? '');
  const context = { Values: valuesWith(over), Chart: chart, Release: { Name: 'net', Service: 'Helm' } };
  templates.render(read('templates/_helpers.tpl'), context);
  const files = readdirSync(`${CHART}templates`).filter((name) => name.endsWith('.yaml'));
  return files.flatMap(
    (name) => documents(templates.render(read(`templates/${name}`), context)).filter((one) => one !== null) as Resource[],
  );
}

interface Container {
  readonly name: string;
  readonly args: readonly string[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly volumeMounts: readonly { readonly name: string }[];
  readonly [probe: string]: unknown;
}
interface Stateful {
  readonly serviceName: string;
  readonly replicas: number;
  readonly selector: { readonly matchLabels: Readonly<Record<string, string>> };
  readonly template: {
    readonly metadata: { readonly labels: Readonly<Record<string, string>>; readonly annotations: Readonly<Record<string, string>> };
    readonly spec: {
      readonly containers: readonly [Container];
      readonly initContainers?: readonly Container[];
      readonly volumes: readonly { readonly name: string }[];
      readonly securityContext: { readonly runAsNonRoot: boolean };
    };
  };
  readonly volumeClaimTemplates?: readonly { readonly metadata: { readonly name: string } }[];
}
const statefulSet = (resources: readonly Resource[]) => resources.find(({ kind }) => kind === 'StatefulSet')?.spec as unknown as Stateful;

const SIGNERS = { role: 'member', keys: { existingSecret: 'net-keys' }, etherbase: `0x${'11'.repeat(20)}` };

describe('values', () => {
  it.skipIf(yaml === null)('are the defaults and a genesis document, and nothing else is needed (skipped without the package yaml)', () => {
    expect(problemsOf(defaults())).toEqual(['genesis']);
    expect(problemsOf(valuesWith({}))).toEqual([]);
    expect(problemsOf(valuesWith(SIGNERS))).toEqual([]);
  });

  const base: Values = {
    replicas: 3,
    image: { repository: 'synod' },
    genesis: '{}',
    role: 'none',
    http: { port: 8545, api: ['eth'], vhosts: ['*'] },
    p2p: { port: 30303 },
    metrics: { port: 6060, serviceMonitor: {} },
    persistence: { enabled: true, size: '20Gi' },
  };
  it.each([
    [{}, []],
    [{ replicas: 0 }, ['replicas']],
    [{ replicas: 65 }, ['replicas']],
    [{ replicas: 2.5 }, ['replicas']],
    [{ http: { port: 80 } }, ['http.port']],
    [{ p2p: { port: 70_000 } }, ['p2p.port']],
    [{ metrics: { port: '6060' } }, ['metrics.port']],
    [{ role: 'miner' }, ['role']],
    [{ genesis: 'genesis.json' }, ['genesis']],
    [{ bootnodeId: '/ip4/10.0.0.1' }, ['bootnodeId']],
    [{ etherbase: '0x12' }, ['etherbase']],
    [{ persistence: { size: '20 GB' } }, ['persistence.size']],
    [{ extraArgs: ['mine'] }, ['extraArgs.0']],
    [{ terminationGracePeriodSeconds: 1 }, ['terminationGracePeriodSeconds']],
    [{ image: { pullPolicy: 'Sometimes' } }, ['image.pullPolicy']],
    // A typing error would otherwise be a default in silence.
    [{ replica: 5 }, ['']],
    [{ http: { prot: 8545 } }, ['http']],
  ] as const)('%j: refused at %j', (over, problems) => {
    expect(problemsOf(merged(base, over as unknown as Values))).toEqual(problems);
  });
});

describe.skipIf(yaml === null)('what is rendered (skipped where the package yaml is not installed)', () => {
  it.each([
    ['followers', {}],
    ['members', SIGNERS],
    ['one miner without a disk', { replicas: 1, bootnodeId: '', role: 'mine', persistence: { enabled: false } }],
    [
      'everything',
      {
        ...SIGNERS,
        metrics: { serviceMonitor: { enabled: true, labels: { team: 'x' } } },
        podAnnotations: { a: 'b' },
        extraArgs: ['--log.format=json'],
      },
    ],
  ] as const)('fits together: %s', (_what, over) => {
    const resources = render(over as unknown as Values);
    const names = resources.map(({ kind, metadata }) => `${kind}/${metadata.name}`);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toEqual(
      expect.arrayContaining(['ConfigMap/net-synod', 'Service/net-synod', 'Service/net-synod-peers', 'StatefulSet/net-synod']),
    );
    const set = statefulSet(resources);
    expect(names).toContain(`Service/${set.serviceName}`);
    expect(set.template.metadata.labels).toEqual(set.selector.matchLabels);
    const pod = set.template.spec;
    const [node] = pod.containers;
    expect(flagsIn(node.args).filter((flag) => !KNOWN.has(flag))).toEqual([]);
    expect(node.args.filter((word) => typeof word !== 'string')).toEqual([]);
    const volumes = [...pod.volumes, ...(set.volumeClaimTemplates ?? []).map(({ metadata }) => metadata)].map(({ name }) => name);
    for (const { volumeMounts } of [node, ...(pod.initContainers ?? [])]) {
      for (const mount of volumeMounts) expect(volumes).toContain(mount.name);
    }
    const ports = node.ports.map(({ name }) => name);
    for (const probe of ['startupProbe', 'livenessProbe', 'readinessProbe']) {
      expect(node[probe]).toMatchObject({ httpGet: { path: expect.stringMatching(/^\/(healthz|readyz)$/), port: 'metrics' } });
    }
    const services = resources.filter(({ kind }) => kind === 'Service') as unknown as {
      spec: { ports: { targetPort: string }[]; selector: object };
    }[];
    for (const { spec } of services) {
      expect(spec.selector).toEqual(set.selector.matchLabels);
      for (const { targetPort } of spec.ports) expect(ports).toContain(targetPort);
    }
    expect(pod.securityContext.runAsNonRoot).toBe(true);
  });

  it('names the bootnode as its peers find it, and the keys of those that sign', () => {
    const set = statefulSet(render(SIGNERS));
    const { args } = set.template.spec.containers[0];
    expect(args).toContain(`--bootnodes=/dns4/net-synod-0.net-synod-peers/tcp/30303/p2p/${PEER}`);
    expect(args).toEqual(
      expect.arrayContaining(['--member', '--validators.password=/data/validators.password', `--miner.etherbase=${SIGNERS.etherbase}`]),
    );
    expect(set.template.spec.initContainers).toHaveLength(1);
    expect(statefulSet(render()).template.spec.initContainers).toBeUndefined();
  });

  it('starts pods again when the genesis document changes', () => {
    const checksum = (genesis: string) => statefulSet(render({ genesis })).template.metadata.annotations['checksum/genesis'];
    expect(checksum('{}')).toMatch(/^[0-9a-f]{64}$/);
    expect(checksum('{}')).not.toBe(checksum('{ }'));
  });

  it.each([
    ['bootnodeId is required', { bootnodeId: '' }],
    ['keys.existingSecret is required', { role: 'stake' }],
    ['genesis is required', { genesis: '' }],
  ])('says what is missing: %s', (message, over) => {
    expect(() => render(over)).toThrow(message);
  });
});
