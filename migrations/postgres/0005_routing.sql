-- Several carriers behind one number, and what each of them costs.

-- JSON of model::line::Tariff, as the organisation's contract says; absent: as the carrier publishes it.
ALTER TABLE line_account ADD COLUMN tariff TEXT;
-- Another carrier of the line is asked until then, because this one failed.
ALTER TABLE line_account ADD COLUMN cooling_until BIGINT;
-- The only addresses that its webhooks may come from, separated by spaces, for carriers that sign nothing; absent: any.
ALTER TABLE line_account ADD COLUMN webhook_addresses TEXT;
-- Which carrier everything leaves through that it can carry, whatever the others cost.
ALTER TABLE line ADD COLUMN pinned_account_id UUID REFERENCES line_account (id);

-- What it cost in millionths of the currency's unit: as the carrier says, or by the tariff until it does.
ALTER TABLE delivery ADD COLUMN price_micros BIGINT;
ALTER TABLE delivery ADD COLUMN price_currency TEXT;
ALTER TABLE delivery ADD COLUMN price_by_carrier BOOLEAN NOT NULL DEFAULT FALSE;
-- SMS parts, as the carrier counted them.
ALTER TABLE delivery ADD COLUMN parts BIGINT;

-- Bytes of its pictures together, at most, because the carrier found those of the attempt before too large.
ALTER TABLE delivery ADD COLUMN media_bytes BIGINT;

-- What it cost, for what came in.
ALTER TABLE message ADD COLUMN price_micros BIGINT;
ALTER TABLE message ADD COLUMN price_currency TEXT;
