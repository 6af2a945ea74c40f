-- The first schema. One text for SQLite and PostgreSQL: {id}, {text}, {bytes} are filled in by sql_database.py.
-- {text} compares by code point on both. Statements end with a semicolon at the end of a line.

CREATE TABLE datasets (
  name {text} PRIMARY KEY,
  uid {text} NOT NULL UNIQUE,
  body {text} NOT NULL,
  create_time DOUBLE PRECISION NOT NULL
);

CREATE TABLE dicom_stores (
  name {text} PRIMARY KEY,
  dataset {text} NOT NULL REFERENCES datasets (name) ON DELETE CASCADE,
  uid {text} NOT NULL UNIQUE,
  body {text} NOT NULL,
  create_time DOUBLE PRECISION NOT NULL
);
CREATE INDEX dicom_stores_dataset ON dicom_stores (dataset, name);

CREATE TABLE dicom_store_labels (
  store {text} NOT NULL REFERENCES dicom_stores (name) ON DELETE CASCADE,
  label {text} NOT NULL,
  value {text} NOT NULL,
  PRIMARY KEY (store, label)
);

-- id grows in the order of commits within a store (sql_instances.py), so that "everything up to id" is a snapshot.
CREATE TABLE instances (
  id {id},
  store_uid {text} NOT NULL REFERENCES dicom_stores (uid) ON DELETE CASCADE,
  study {text} NOT NULL,
  series {text} NOT NULL,
  instance {text} NOT NULL,
  key {text} NOT NULL UNIQUE,
  size BIGINT NOT NULL,
  sop_class {text} NOT NULL,
  transfer_syntax {text} NOT NULL,
  header {text} NOT NULL,
  operation {text} NOT NULL,
  create_time DOUBLE PRECISION NOT NULL,
  patient_id {text} NOT NULL,
  patient_name {text} NOT NULL,
  patient_name_folded {text} NOT NULL,
  patient_birth_date {text} NOT NULL,
  study_date {text} NOT NULL,
  study_time {text} NOT NULL,
  accession_number {text} NOT NULL,
  study_id {text} NOT NULL,
  study_description {text} NOT NULL,
  referring_physician_name {text} NOT NULL,
  referring_physician_name_folded {text} NOT NULL,
  modality {text} NOT NULL,
  series_number {text} NOT NULL,
  series_date {text} NOT NULL,
  series_time {text} NOT NULL,
  series_description {text} NOT NULL,
  performed_procedure_step_start_date {text} NOT NULL,
  performed_procedure_step_start_time {text} NOT NULL,
  instance_number {text} NOT NULL,
  UNIQUE (store_uid, study, series, instance)
);
CREATE INDEX instances_id ON instances (store_uid, id);
CREATE INDEX instances_instance ON instances (store_uid, instance);
CREATE INDEX instances_patient_id ON instances (store_uid, patient_id);
CREATE INDEX instances_patient_name ON instances (store_uid, patient_name_folded);
CREATE INDEX instances_study_date ON instances (store_uid, study_date);
CREATE INDEX instances_accession_number ON instances (store_uid, accession_number);

-- Objects to delete, written with the deletion of their rows: a crash in between must not leave patient data behind.
-- is_prefix: 1 for all objects below the key.
CREATE TABLE deletions (
  id {id},
  key {text} NOT NULL UNIQUE,
  is_prefix INTEGER NOT NULL
);

CREATE TABLE operations (
  name {text} PRIMARY KEY,
  dataset {text} NOT NULL REFERENCES datasets (name) ON DELETE CASCADE,
  kind {text} NOT NULL,
  request {bytes} NOT NULL,
  fingerprint {text} NOT NULL,
  notes {text} NOT NULL,
  state {text} NOT NULL,
  cancel_requested INTEGER NOT NULL,
  total BIGINT NOT NULL,
  result_code INTEGER NOT NULL,
  result_message {text} NOT NULL,
  result {bytes} NOT NULL,
  create_time DOUBLE PRECISION NOT NULL,
  end_time DOUBLE PRECISION
);
CREATE INDEX operations_dataset ON operations (dataset, name);
CREATE INDEX operations_state ON operations (state);

-- What an operation is limited to: "" stands for all below. No rows: everything.
CREATE TABLE operation_filters (
  operation {text} NOT NULL REFERENCES operations (name) ON DELETE CASCADE,
  study {text} NOT NULL,
  series {text} NOT NULL,
  instance {text} NOT NULL,
  PRIMARY KEY (operation, study, series, instance)
);

CREATE TABLE shards (
  operation {text} NOT NULL REFERENCES operations (name) ON DELETE CASCADE,
  number BIGINT NOT NULL,
  source_store_uid {text} NOT NULL,
  destination_store_uid {text} NOT NULL,
  first_id BIGINT NOT NULL,
  last_id BIGINT NOT NULL,
  instances BIGINT NOT NULL,
  bytes BIGINT NOT NULL,
  state {text} NOT NULL,
  attempts INTEGER NOT NULL,
  lease_until DOUBLE PRECISION NOT NULL,
  worker {text} NOT NULL,
  success BIGINT NOT NULL,
  failure BIGINT NOT NULL,
  PRIMARY KEY (operation, number)
);
CREATE INDEX shards_state ON shards (operation, state, number);

-- The error log of an operation; tag is 0xGGGGEEEE, position an offset in bytes.
CREATE TABLE operation_errors (
  id {id},
  operation {text} NOT NULL REFERENCES operations (name) ON DELETE CASCADE,
  source {text} NOT NULL,
  reason {text} NOT NULL,
  tag BIGINT,
  vr {text} NOT NULL,
  position BIGINT,
  time DOUBLE PRECISION NOT NULL
);
CREATE INDEX operation_errors_operation ON operation_errors (operation, id);
CREATE INDEX operation_errors_reason ON operation_errors (operation, reason, id);
