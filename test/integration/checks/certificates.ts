/** Two self-signed certificates as a caBundle has them: one that lasts a century, one that ended with the year 2020. */
const bundle = (lines: string[]): string =>
  Buffer.from(`-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`).toString('base64');

export const freshCertificate = bundle([
  'MIIBeDCCAR2gAwIBAgIUcl3EQD5Td+Q3dF50FRjIog9zgIIwCgYIKoZIzj0EAwIw',
  'EDEOMAwGA1UEAwwFZnJlc2gwIBcNMjYxMTIxMTQ0MzQ1WhgPMjEyNjEwMjgxNDQz',
  'NDVaMBAxDjAMBgNVBAMMBWZyZXNoMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE',
  'zX2MYqh15KXTHlmngt9PwyVMqzDAP4EoOWFCgLwcJebiSqZFCJQRN5GJI/iWIdhl',
  'aZrUB5UWo/Txn25ORbna96NTMFEwHQYDVR0OBBYEFCfQwubp3QrZEdmB9LJPaOZd',
  'AsMqMB8GA1UdIwQYMBaAFCfQwubp3QrZEdmB9LJPaOZdAsMqMA8GA1UdEwEB/wQF',
  'MAMBAf8wCgYIKoZIzj0EAwIDSQAwRgIhALlVYAJgqfT8SRQNUNPRXtiBOXnyotxJ',
  'YmcITXM75NUHAiEA57QqorCnnlK17wZEO3aPfLzrn974VvdjQgqRghKLB0k=',
]);

export const expiredCertificate = bundle([
  'MIIBCzCBsgIBATAKBggqhkjOPQQDAjASMRAwDgYDVQQDDAdleHBpcmVkMB4XDTIw',
  'MDEwMTAwMDAwMFoXDTIxMDEwMTAwMDAwMFowEjEQMA4GA1UEAwwHZXhwaXJlZDBZ',
  'MBMGByqGSM49AgEGCCqGSM49AwEHA0IABM19jGKodeSl0x5Zp4LfT8MlTKswwD+B',
  'KDlhQoC8HCXm4kqmRQiUETeRiSP4liHYZWma1AeVFqP08Z9uTkW52vcwCgYIKoZI',
  'zj0EAwIDSAAwRQIhAIEw+9BzBfqyWpEqszhtuUR/fuOITFhJ/0u45tG1+Y17AiBa',
  'LA70ISHOaHQ47V2DmT+ZpBMptpzrST7rfDlrKFDUdA==',
]);
